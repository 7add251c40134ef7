/** A recording that is open: its clock, and a track for each signal that is looked at. */
import { useEffect, useState } from 'react';
import type { RecordingAccess } from '../../api/recordings';
import { bucketAddress } from '../../domain/address';
import { Clock, FLAGS, type Channel, type RecordedEvent, type Rows } from '../../domain/recorded';
import { isLarge, Track, type ReadRows } from '../../domain/track';
import { useHome } from '../../live/home';
import { useConnection } from '../../live/hooks';
import { openRecording, type OpenRecording } from '../../recording/open';
import type { Access } from '../../recording/source';

export interface Opened {
  readonly channels: readonly Channel[];
  readonly clock: Clock;
  readonly events: readonly RecordedEvent[];
  /** What cannot be read of it. */
  readonly damage: readonly string[];
  readonly track: (channel: Channel) => Track;
}

export interface Opening {
  readonly opened: Opened | undefined;
  readonly error: string | undefined;
}

/** Opens what `access` leads to, and closes it when the page is left. */
export function useOpened(access: RecordingAccess | undefined): Opening {
  const { zoo } = useConnection();
  const profile = useHome()?.server.profile;
  const [state, setState] = useState<Opening>({ opened: undefined, error: undefined });
  const key = access === undefined || profile === undefined ? undefined : JSON.stringify({ baseUrl: bucketAddress(access.baseUrl, zoo.address.origin, profile), headers: headersOf(access.headers) });
  useEffect(() => {
    if (key === undefined) return undefined;
    const opening = openRecording(JSON.parse(key) as Access);
    let gone = false;
    const settle = (next: Opening): void => {
      if (!gone) setState(next);
    };
    opening.then(openedOf).then(
      (opened) => settle({ opened, error: undefined }),
      (error: unknown) => settle({ opened: undefined, error: error instanceof Error ? error.message : String(error) }),
    );
    return () => {
      gone = true;
      void opening.then((open) => open.close(), () => undefined);
      setState({ opened: undefined, error: undefined });
    };
  }, [key]);
  return state;
}

async function openedOf(open: OpenRecording): Promise<Opened> {
  const { manifest } = open;
  // The flags are one byte a step, and lead through the whole recording.
  const [flags, events] = await Promise.all([open.read(FLAGS), open.events()]);
  const clock = new Clock(flags);
  const tracks = new Map<string, Track>();
  const read: ReadRows = (path, fromStep, toStep, timeline) => {
    const channel = manifest.signals.find((signal) => signal.path === path);
    return channel !== undefined && isLarge(channel) ? oneRow(open, path, fromStep, timeline) : open.read(path, fromStep, toStep, timeline);
  };
  return {
    channels: manifest.signals.filter(({ path }) => !path.startsWith('zoo.')),
    clock,
    events,
    damage: [...flags.damage, ...manifest.missing.map((number) => `Part ${number} never arrived`)],
    track: (channel) => {
      const known = tracks.get(channel.path) ?? new Track(channel, clock, read);
      tracks.set(channel.path, known);
      return known;
    },
  };
}

/** Large values are read one at a time: the reader keeps what lies beside them. */
async function oneRow(open: OpenRecording, path: string, step: number, timeline: number): Promise<Rows> {
  const found = await open.at(step, { timeline, paths: [path] });
  const value = found.values.get(path);
  if (found.step !== step || value?.kind !== 'array') return { steps: [], timelines: [], times: [], values: [] };
  return { steps: [step], timelines: [timeline], times: [found.time], values: value.values };
}

function headersOf(headers: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
