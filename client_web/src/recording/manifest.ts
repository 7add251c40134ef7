/** The manifest of a recording as docs/recordings.md has it, checked where it enters. */
import { RecordingError } from './failure';

export const VERSION = 1;
const FORMAT = 'zookeeper-recording';
export const GROUPS = ['scalar', 'vector', 'image'] as const;

export type Group = (typeof GROUPS)[number];
export type SignalKind = 'image' | 'vector' | 'scalar' | 'text' | 'json';

export interface RecordedSignal {
  readonly path: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly kind: SignalKind;
}

/** Steps that lie together. Times in microseconds since 1970, UTC. */
export interface Batch {
  readonly firstStep: number;
  readonly lastStep: number;
  readonly steps: number;
  readonly firstTime: number;
  readonly lastTime: number;
}

/** Where bytes of an object begin and end. */
export interface Place {
  readonly start: number;
  readonly stop: number;
}

export interface Segment {
  readonly name: string;
  readonly number: number;
  readonly timeline: number;
  readonly signals: readonly RecordedSignal[];
  readonly batches: readonly Batch[];
  /** By batch, then by position in `signals`; undefined where the signal has no value in the batch. */
  readonly places: readonly (readonly (Place | undefined)[])[];
  readonly events: Place | undefined;
}

export interface Manifest {
  readonly signals: readonly RecordedSignal[];
  readonly segments: readonly Segment[];
  /** Numbers of segments that never arrived. */
  readonly missing: readonly number[];
  readonly steps: number;
  readonly firstStep: number | undefined;
  readonly lastStep: number | undefined;
  readonly firstTime: number | undefined;
  readonly lastTime: number | undefined;
  readonly sizeBytes: number;
}

/** Bytes of a file before the data of each message of a chunk. */
const FRAMING = 31;
const MOST_ROWS = 1 << 20; // of a batch
/** One part of a path, which leads nowhere else. */
const NAME = /^[\w-][\w.-]{0,120}$/;
const KINDS: readonly string[] = ['image', 'vector', 'scalar', 'text', 'json'];

export const groupOf = (kind: SignalKind): Group => (kind === 'image' || kind === 'vector' ? kind : 'scalar');

/** @throws RecordingError for what is no manifest, or one of a newer format. */
export function readManifest(bytes: Uint8Array): Manifest {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new RecordingError('damaged', 'manifest.json is no JSON');
  }
  const manifest = object(document, 'manifest.json');
  if (manifest['format'] !== FORMAT) throw new RecordingError('damaged', 'manifest.json is no manifest of a recording');
  const version = number(manifest['version'], 'version');
  if (version > VERSION) {
    throw new RecordingError('newer', `The recording has version ${version} of the format, and this page reads up to ${VERSION}: open it with a newer zoo.`);
  }
  const signals = list(manifest['channels'], 'channels').map(readSignal);
  return {
    signals,
    segments: list(manifest['segments'], 'segments').map((entry, index) => readSegment(entry, `segments.${index}`, signals)),
    missing: list(manifest['missing'] ?? [], 'missing').map((entry) => number(entry, 'missing')),
    steps: number(manifest['steps'], 'steps'),
    firstStep: optional(manifest['firstStep'], 'firstStep'),
    lastStep: optional(manifest['lastStep'], 'lastStep'),
    firstTime: optional(manifest['firstTime'], 'firstTime'),
    lastTime: optional(manifest['lastTime'], 'lastTime'),
    sizeBytes: number(manifest['sizeBytes'], 'sizeBytes'),
  };
}

function readSignal(entry: unknown, index: number): RecordedSignal {
  const path = `channels.${index}`;
  const said = object(entry, path);
  const kind = said['kind'];
  if (!isKind(kind)) throw unlike(`${path}.kind`);
  if (typeof said['path'] !== 'string' || typeof said['dtype'] !== 'string') throw unlike(path);
  return { path: said['path'], dtype: said['dtype'], shape: list(said['shape'], path).map((length) => number(length, path)), kind };
}

const isKind = (kind: unknown): kind is SignalKind => typeof kind === 'string' && KINDS.includes(kind);

function readSegment(entry: unknown, path: string, table: readonly RecordedSignal[]): Segment {
  const said = object(entry, path);
  const signals = list(said['channels'], path).map((position) => {
    const signal = table[number(position, path)];
    if (signal === undefined) throw unlike(path);
    return signal;
  });
  const batches = list(said['batches'], path).map((row): Batch => {
    const [firstStep, lastStep, steps, firstTime, lastTime] = list(row, path).map((value) => number(value, path));
    if (firstStep === undefined || lastStep === undefined || steps === undefined || firstTime === undefined || lastTime === undefined || steps > MOST_ROWS) throw unlike(path);
    return { firstStep, lastStep, steps, firstTime, lastTime };
  });
  if (typeof said['name'] !== 'string' || !NAME.test(said['name'])) throw unlike(path);
  const [at, size] = said['events'] === null ? [] : list(said['events'], path).map((value) => number(value, path));
  return {
    name: said['name'],
    number: number(said['number'], path),
    timeline: number(said['timeline'], path),
    signals,
    batches,
    places: locate(object(said['groups'], path), path, signals, batches.length),
    events: at === undefined || size === undefined ? undefined : { start: at, stop: at + size },
  };
}

/** The blocks of a batch lie together by group, in the order of the signals. */
function locate(groups: Readonly<Record<string, unknown>>, path: string, signals: readonly RecordedSignal[], batches: number): (Place | undefined)[][] {
  const places = Array.from({ length: batches }, () => new Array<Place | undefined>(signals.length).fill(undefined));
  for (const group of GROUPS) {
    const positions = signals.flatMap((signal, position) => (groupOf(signal.kind) === group ? [position] : []));
    if (positions.length === 0) continue;
    list(groups[group], path).forEach((row, order) => {
      const [first, ...sizes] = list(row, path).map((value) => number(value, path));
      let start = first ?? 0;
      positions.forEach((position, index) => {
        const size = sizes[index];
        const batch = places[order];
        if (size === undefined || batch === undefined) throw unlike(path);
        if (size === 0) return;
        batch[position] = { start, stop: start + size };
        start += size + FRAMING;
      });
    });
  }
  return places;
}

function object(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unlike(path);
  return Object.fromEntries(Object.entries(value));
}

function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw unlike(path);
  return value;
}

/** Everything that a manifest counts: steps, bytes, microseconds. */
function number(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw unlike(path);
  return value;
}

const optional = (value: unknown, path: string): number | undefined => (value === null || value === undefined ? undefined : number(value, path));

const unlike = (path: string): RecordingError => new RecordingError('damaged', `manifest.json does not say what it should at ${path}.`);
