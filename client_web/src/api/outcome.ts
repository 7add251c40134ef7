/** What became of a mutation: done, or refused with reasons. */
import { ZooError } from './client';

export interface UserError {
  readonly code: string;
  readonly message: string;
  readonly path: readonly string[] | null;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly UserError[] };

/** Turns a payload or a thrown ZooError into one shape, so that a view shows refusals and failures the same way. */
export async function outcomeOf<P extends { userErrors: readonly UserError[] }>(asked: Promise<{ outcome: P }>): Promise<Outcome<P>> {
  try {
    const { outcome } = await asked;
    return outcome.userErrors.length > 0 ? { ok: false, errors: outcome.userErrors } : { ok: true, value: outcome };
  } catch (error) {
    if (!(error instanceof ZooError)) throw error;
    return { ok: false, errors: [{ code: error.code ?? 'UNAVAILABLE', message: error.message, path: null }] };
  }
}

export function reasons(errors: readonly UserError[]): string {
  return errors.map((error) => error.message).join(' ');
}
