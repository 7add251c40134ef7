/** A file that becomes a model: what may be one, and what it would be called. */

export const ENDINGS: readonly string[] = ['.pkl', '.pickle', '.zip'];

/** What is wrong with a file, before anybody is asked. */
export function fileProblem({ name, size }: { readonly name: string; readonly size: number }): string | undefined {
  if (!ENDINGS.some((ending) => name.toLowerCase().endsWith(ending))) return `${name} is none of ${ENDINGS.join(', ')}: pickle the model, or zip its folder`;
  if (size === 0) return `${name} is empty`;
  return undefined;
}

/** "tiny_walker-2.pkl" becomes "tiny_walker-2", as everywhere in the zoo. */
export function modelName(filename: string): string {
  return filename.replace(/\.[^.]*$/, '');
}

/** What the form says while it is busy; a share from 0 to 1 where one can be told. */
export type UploadStage =
  | { readonly kind: 'reading'; readonly share: number }
  | { readonly kind: 'asking' }
  | { readonly kind: 'sending'; readonly share: number }
  | { readonly kind: 'making' };

export function stageLabel({ kind }: UploadStage): string {
  switch (kind) {
    case 'reading':
      return 'Reading the file…';
    case 'asking':
      return 'Asking for a place…';
    case 'sending':
      return 'Sending the file…';
    case 'making':
      return 'Checking what has arrived…';
  }
}
