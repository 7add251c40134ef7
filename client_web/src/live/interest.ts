/** What components want to watch, merged into the one request that the tab's stream makes. */
import type { LiveInput } from '../api/documents';
import type { Reduction } from '../domain/reduction';

export interface SignalInterest {
  readonly instanceId: string;
  readonly path: string;
  /** Values a second. */
  readonly maxRate: number;
  readonly reduce?: Reduction;
  /** Largest side in pixels or elements. */
  readonly maxSize?: number;
}

export interface Interest {
  /** Follow the newest instances, also those that come to be. */
  readonly roster?: boolean;
  readonly instanceIds?: readonly string[];
  readonly worldIds?: readonly string[];
  readonly signals?: readonly SignalInterest[];
  readonly logs?: readonly string[];
}

/** Names a signal in one form; two components that want it in the same form share its values. */
export function signalKey({ instanceId, path, reduce, maxSize }: SignalInterest): string {
  return [instanceId, path, reduce ?? '', maxSize ?? ''].join('|');
}

/** Equal wishes give equal inputs (sorted), so that a stream is replaced only when something changed. */
export function mergeInterests(interests: Iterable<Interest>): LiveInput {
  let all = false;
  const instanceIds = new Set<string>();
  const worldIds = new Set<string>();
  const logs = new Set<string>();
  const signals = new Map<string, SignalInterest>();
  for (const interest of interests) {
    all ||= interest.roster ?? false;
    interest.instanceIds?.forEach((id) => instanceIds.add(id));
    interest.worldIds?.forEach((id) => worldIds.add(id));
    interest.logs?.forEach((id) => logs.add(id));
    for (const signal of interest.signals ?? []) {
      const key = signalKey(signal);
      const known = signals.get(key);
      if (known === undefined || known.maxRate < signal.maxRate) signals.set(key, signal);
    }
  }
  return {
    instanceIds: all ? null : [...instanceIds].sort(),
    environmentInstanceIds: [...worldIds].sort(),
    logs: [...logs].sort(),
    signals: [...signals]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { instanceId, path, maxRate, reduce, maxSize }]) => ({
        key,
        instanceId,
        path,
        maxRate,
        ...(reduce === undefined ? {} : { reduce }),
        ...(maxSize === undefined ? {} : { maxSize }),
      })),
  };
}
