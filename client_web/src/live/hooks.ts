/** How components watch: structure through React state, moving values through feeds and the frame loop. */
import { createContext, use, useCallback, useEffect, useEffectEvent, useMemo, useSyncExternalStore } from 'react';
import type { Zoo } from '../api/client';
import type { InstanceRow, WorldRow } from '../api/documents';
import type { Feed } from './feed';
import { frames } from './frames';
import { signalKey, type Interest, type SignalInterest } from './interest';
import type { NumberedLine } from './logbook';
import type { StreamState } from './stream';
import type { LiveZoo } from './zoo';

export interface Connection {
  readonly zoo: Zoo;
  readonly live: LiveZoo;
}

export const ConnectionContext = createContext<Connection | undefined>(undefined);

export function useConnection(): Connection {
  const connection = use(ConnectionContext);
  if (connection === undefined) throw new Error('useConnection outside of a connected page');
  return connection;
}

function useTopic<T>(topic: string, read: (live: LiveZoo) => T): T {
  const { live } = useConnection();
  const subscribe = useCallback((listener: () => void) => live.on(topic, listener), [live, topic]);
  return useSyncExternalStore(subscribe, () => read(live));
}

export function useStreamState(): StreamState {
  return useTopic('stream', (live) => live.streamState);
}

export function useRosterRows(): readonly InstanceRow[] {
  return useTopic('roster', (live) => live.roster);
}

export function useInstanceRow(id: string): InstanceRow | undefined {
  return useTopic(`instance:${id}`, (live) => live.instance(id));
}

export function useWorldRow(id: string): WorldRow | undefined {
  return useTopic(`world:${id}`, (live) => live.world(id));
}

const NO_LINES: readonly NumberedLine[] = [];

export function useLogLines(id: string): readonly NumberedLine[] {
  return useTopic(`log:${id}`, (live) => (live.hasLogbook(id) ? live.logbook(id).lines : NO_LINES));
}

/** Watches while the component is mounted; undefined watches nothing. */
export function useInterest(interest: Interest | undefined): void {
  const { live } = useConnection();
  const wanted = interest === undefined ? undefined : JSON.stringify(interest);
  useEffect(() => (wanted === undefined ? undefined : live.watch(JSON.parse(wanted) as Interest)), [live, wanted]);
}

/** Watches one signal; the answer finds its feed, which changes when the stream's wishes do. Undefined while nothing is watched. */
export function useFeed(signal: SignalInterest | undefined): () => Feed | undefined {
  const { live } = useConnection();
  useInterest(signal === undefined ? undefined : { signals: [signal] });
  const key = signal === undefined ? '' : signalKey(signal);
  return useMemo(
    () => () => (signal === undefined ? undefined : live.feed(signal)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the key stands for the signal, whose object is new at each render
    [live, key],
  );
}

/** Why a watched signal brings nothing, if so. */
export function useFeedProblem(feed: () => Feed | undefined): string | undefined {
  return useTopic('feeds', () => feed()?.problem);
}

/** Draws in the frame loop while the component is mounted. */
export function useFrame(draw: (nowMs: number) => void): void {
  const latest = useEffectEvent(draw);
  useEffect(() => frames.add((now) => latest(now)), []);
}
