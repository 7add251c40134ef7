/** The signals that the page begins with, and how many there are in all. */
import { useEffect, useMemo } from 'react';
import { SignalsQuery, type InstanceRow, type SignalAnswer, type SignalOffer } from '../../api/documents';
import { hasEnded } from '../../domain/phase';
import { ROOTS, SHALLOW, type Root } from '../../domain/signaltree';
import { useAnswer } from '../../live/answer';
import type { RootCounts } from './SignalBrowser';

const MISSING_MS = 700;

interface Known {
  /** Those that every model has, as far as they can be watched. */
  readonly signals: readonly SignalOffer[];
  readonly counts: RootCounts;
}

/** The runner names its signals once it has loaded the model, a little before or after it says that it runs: ask until then. */
export function useSignals(row: InstanceRow): Known {
  const { data, ask } = useAnswer(SignalsQuery, { id: row.id });
  const answer = data?.instance ?? undefined;
  const missing = answer === undefined || shallowSignals(answer).length === 0;
  const ended = hasEnded(row.phase);
  useEffect(() => {
    if (!missing || ended) return undefined;
    const timer = setInterval(ask, MISSING_MS);
    return () => clearInterval(timer);
  }, [missing, ended, ask, row.attempt]);
  // Activations have shapes, and are named, once the first step is made.
  const moved = row.stats.step > 0;
  useEffect(() => ask(), [ask, moved]);
  return useMemo(
    () => ({
      signals: answer === undefined ? [] : shallowSignals(answer).filter(({ observable }) => observable),
      counts: Object.fromEntries(ROOTS.map((root) => [root, answer?.[root].totalCount ?? 0])) as Record<Root, number>,
    }),
    [answer],
  );
}

/** Those that every model has. */
export function shallowSignals(answer: SignalAnswer): readonly SignalOffer[] {
  return SHALLOW.flatMap((root) => pageOf(answer[root]));
}

function pageOf(page: { readonly totalCount: number | null } | { readonly nodes: readonly SignalOffer[] }): readonly SignalOffer[] {
  return 'nodes' in page ? page.nodes : [];
}

export function inputsOf(signals: readonly SignalOffer[]) {
  const inputs = signals.filter(({ path }) => path.startsWith('inputs.')).map(({ modality }) => modality);
  return inputs.length === 0 ? undefined : inputs;
}
