/** Where to look at an instance. */

export const FRAME = 'env.frame';

export interface Seen {
  readonly id: string;
  readonly previewPaths: readonly string[];
  readonly environmentInstance: { readonly id: string } | null;
}

export interface Picture {
  readonly instanceId: string;
  readonly path: string;
}

/** Its own picture, else that of the world that it shares with others, if that has one. */
export function pictureOf({ id, previewPaths: [own], environmentInstance }: Seen): Picture | undefined {
  if (own !== undefined) return { instanceId: id, path: own };
  return environmentInstance === null ? undefined : { instanceId: environmentInstance.id, path: FRAME };
}
