/** Finds out whether an address is a zoo, and if not, why. */
import type { ZooAddress } from '../domain/address';

export type Reach =
  | { readonly kind: 'zoo' }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'stranger'; readonly detail: string };

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

const PATIENCE_MS = 6000;

/**
 * A cross-origin request fails in the same way whether nobody answers or the zoo refuses this page's origin. A second request,
 * which may not be read but needs no permission, tells the two apart.
 */
export async function reach({ origin }: ZooAddress, ask: Fetch = fetch): Promise<Reach> {
  const url = `${origin}/healthz`;
  let response: Response;
  try {
    response = await ask(url, { signal: AbortSignal.timeout(PATIENCE_MS), headers: { accept: 'application/json' } });
  } catch {
    try {
      await ask(url, { mode: 'no-cors', signal: AbortSignal.timeout(PATIENCE_MS) });
      return { kind: 'refused' };
    } catch {
      return { kind: 'unreachable' };
    }
  }
  if (response.status === 403 || response.status === 421) return { kind: 'refused' };
  if (!response.ok) return { kind: 'stranger', detail: `it answers ${response.status}` };
  return (await isZoo(origin, ask)) ? { kind: 'zoo' } : { kind: 'stranger', detail: 'it answers, but not as a zoo does' };
}

/** Health says that something is alive; only a zoo knows `viewer { can }`. */
async function isZoo(origin: string, ask: Fetch): Promise<boolean> {
  try {
    const response = await ask(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json' },
      body: JSON.stringify({ query: '{ viewer { can } }' }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const answer: unknown = await response.json();
    return typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer);
  } catch {
    return false;
  }
}

export function reachText(result: Reach, { origin }: ZooAddress): string {
  switch (result.kind) {
    case 'zoo':
      return '';
    case 'unreachable':
      return `Nothing answers at ${origin}. Is the zoo running, and are host and port right?`;
    case 'refused':
      return `The zoo at ${origin} refuses this page. Add ${pageOrigin()} to allowed_origins of its Server, then start it again.`;
    case 'stranger':
      return `${origin} is not a zoo: ${result.detail}.`;
  }
}

function pageOrigin(): string {
  return typeof location === 'undefined' ? 'this address' : location.origin;
}
