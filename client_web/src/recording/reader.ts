/** RecordingReader: what was recorded, by signal and step, with as few requests as the places of its blocks allow. */
import { countOf, readBlock, type Block, type Numbers } from './block';
import { RecordingError } from './failure';
import { readManifest, type Batch, type Manifest, type Place, type RecordedSignal, type Segment } from './manifest';
import type { Source } from './source';

export const STEPS = 'zoo.steps';
export const TIMES = 'zoo.times';
export const FLAGS = 'zoo.flags';

/** One value; what `dtype` names was widened where JavaScript has no such numbers. */
export type RecordedValue =
  | { readonly kind: 'array'; readonly dtype: string; readonly shape: readonly number[]; readonly values: Numbers }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'json'; readonly json: unknown };

/** One step. time: milliseconds since 1970, UTC. A signal that was absent is not in `values`. */
export interface RecordedStep {
  readonly step: number;
  readonly timeline: number;
  readonly time: number;
  readonly values: ReadonlyMap<string, RecordedValue>;
}

/** A signal over steps, in the order in which they were taken. values: those of each step after each other, or the texts (JSON: not parsed). */
export interface Series {
  readonly signal: RecordedSignal;
  readonly steps: Float64Array<ArrayBuffer>;
  readonly timelines: Float64Array<ArrayBuffer>;
  readonly times: Float64Array<ArrayBuffer>;
  readonly values: Float64Array<ArrayBuffer> | readonly string[];
}

export interface RecordedEvent {
  readonly step: number;
  readonly timeline: number;
  readonly time: number;
  readonly kind: string;
  readonly data: unknown;
}

export interface AtOptions {
  readonly timeline?: number | undefined;
  /** Which signals; all unless named. */
  readonly paths?: readonly string[] | undefined;
}

const GAP_BYTES = 1 << 16; // reading so much in vain costs less than another request
const MOST_REQUESTS_OF_A_STEP = 2;
const MOST_BYTES_OF_A_REQUEST = 8 << 20;
const KEPT_BYTES = 64 << 20;

export class RecordingReader {
  readonly #source: Source;
  readonly #kept = new Map<string, Block>();
  #keptBytes = 0;

  private constructor(
    source: Source,
    readonly manifest: Manifest,
  ) {
    this.#source = source;
  }

  /** One request. @throws RecordingError. */
  static async open(source: Source): Promise<RecordingReader> {
    return new RecordingReader(source, readManifest(await source('manifest.json')));
  }

  /** The newest step that is not after `step`, or else the first; of the newest timeline that has one so near, unless one is named. At most two requests. @throws RecordingError. */
  async at(step: number, { timeline, paths }: AtOptions = {}): Promise<RecordedStep> {
    const [segment, batch] = this.#find(step, timeline);
    const wanted = paths === undefined ? undefined : new Set([...paths, STEPS, TIMES]);
    const positions = segment.signals.flatMap((signal, position) => (wanted?.has(signal.path) === false ? [] : [position]));
    const blocks = await this.#read(segment, [batch], positions, MOST_REQUESTS_OF_A_STEP);
    const steps = clock(blocks, segment, batch, STEPS);
    const row = rowOf(steps, step);
    const values = new Map<string, RecordedValue>();
    for (const position of positions) {
      const signal = segment.signals[position];
      const block = blocks.get(keyOf(segment, batch, position));
      if (signal === undefined || block === undefined) continue;
      const value = valueOf(signal, block, row);
      if (value !== undefined) values.set(signal.path, value);
    }
    const time = clock(blocks, segment, batch, TIMES)[row] ?? 0;
    return { step: steps[row] ?? 0, timeline: segment.timeline, time: time / 1000, values };
  }

  /** A signal from one step to another, both inclusive, of every timeline unless one is named. What is damaged is left out, and told to `onDamage`. @throws RecordingError. */
  async read(path: string, fromStep = 0, toStep = Infinity, options: { timeline?: number | undefined; onDamage?: (reason: RecordingError) => void } = {}): Promise<Series> {
    const signal = this.manifest.signals.find((one) => one.path === path);
    if (signal === undefined) throw new RecordingError('absent', `${path} is not recorded.`);
    const gathered = new Gathering(signal);
    for (const segment of this.manifest.segments) {
      if (options.timeline !== undefined && options.timeline !== segment.timeline) continue;
      const position = segment.signals.findIndex((one) => one.path === path);
      const batches = segment.batches.filter((batch) => batch.lastStep >= fromStep && batch.firstStep <= toStep);
      if (position < 0 || batches.length === 0) continue;
      try {
        const blocks = await this.#read(segment, batches, [...positionsOf(segment, [STEPS, TIMES]), position]);
        for (const batch of batches) {
          const block = blocks.get(keyOf(segment, batch, position));
          if (block !== undefined) gathered.add(block, segment.timeline, clock(blocks, segment, batch, STEPS), clock(blocks, segment, batch, TIMES), fromStep, toStep);
        }
      } catch (error) {
        if (!(error instanceof RecordingError) || (error.kind !== 'damaged' && error.kind !== 'missing') || options.onDamage === undefined) throw error;
        options.onDamage(error);
      }
    }
    return gathered.series();
  }

  /** What happened, in order. @throws RecordingError. */
  async events(): Promise<readonly RecordedEvent[]> {
    const found = await Promise.all(this.manifest.segments.map((segment) => this.#eventsOf(segment)));
    return found.flat();
  }

  async #eventsOf(segment: Segment): Promise<readonly RecordedEvent[]> {
    if (segment.events === undefined) return [];
    const bytes = await this.#fetch(segment, segment.events);
    const { values } = readBlock(bytes, { path: 'zoo.events', dtype: 'json', shape: [], kind: 'json' }, countOf(bytes));
    return Array.isArray(values) ? values.map((text: unknown) => readEvent(String(text), segment)) : [];
  }

  #find(step: number, timeline: number | undefined): [Segment, Batch] {
    let before: [Segment, Batch] | undefined;
    let first: [Segment, Batch] | undefined;
    for (const segment of this.manifest.segments) {
      if (timeline !== undefined && timeline !== segment.timeline) continue;
      for (const batch of segment.batches) {
        if (first === undefined || batch.firstStep < first[1].firstStep) first = [segment, batch];
        const reached = Math.min(step, batch.lastStep);
        if (batch.firstStep <= step && (before === undefined || reached >= Math.min(step, before[1].lastStep))) before = [segment, batch];
      }
    }
    const found = before ?? first;
    if (found === undefined) throw new RecordingError('absent', timeline === undefined ? 'The recording holds no step.' : `The recording holds no step of timeline ${timeline}.`);
    return found;
  }

  async #read(segment: Segment, batches: readonly Batch[], positions: readonly number[], mostRequests = Infinity): Promise<Map<string, Block>> {
    const found = new Map<string, Block>();
    const wanted: { key: string; place: Place; signal: RecordedSignal; steps: number }[] = [];
    for (const batch of batches) {
      for (const position of positions) {
        const place = segment.places[segment.batches.indexOf(batch)]?.[position];
        const signal = segment.signals[position];
        if (place === undefined || signal === undefined) continue;
        const key = keyOf(segment, batch, position);
        const kept = this.#kept.get(key);
        if (kept === undefined) wanted.push({ key, place, signal, steps: batch.steps });
        else found.set(key, this.#keep(key, kept));
      }
    }
    const ranges = merged(wanted.map(({ place }) => place), mostRequests);
    const pieces = await Promise.all(ranges.map((range) => this.#fetch(segment, range)));
    for (const { key, place, signal, steps } of wanted) {
      const index = ranges.findIndex((range) => range.start <= place.start && place.stop <= range.stop);
      const start = place.start - (ranges[index]?.start ?? 0);
      const bytes = pieces[index]?.subarray(start, start + place.stop - place.start) ?? new Uint8Array();
      found.set(key, this.#keep(key, within(segment, () => readBlock(bytes, signal, steps))));
    }
    return found;
  }

  async #fetch(segment: Segment, place: Place): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#source(segment.name, place);
    if (bytes.length !== place.stop - place.start) {
      throw new RecordingError('damaged', `${describe(segment)}: it is cut: of the bytes ${place.start} to ${place.stop}, ${bytes.length} are there.`);
    }
    return bytes;
  }

  /** The last that were used are kept, so that scrubbing within a batch asks for nothing. */
  #keep(key: string, block: Block): Block {
    if (this.#kept.delete(key)) {
      this.#kept.set(key, block);
      return block;
    }
    this.#kept.set(key, block);
    this.#keptBytes += sizeOf(block);
    for (const [oldest, old] of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES || oldest === key) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= sizeOf(old);
    }
    return block;
  }
}

/** Collects what blocks hold of one signal. */
class Gathering {
  readonly #width: number;
  readonly #steps: number[] = [];
  readonly #timelines: number[] = [];
  readonly #times: number[] = [];
  readonly #numbers: number[] = [];
  readonly #texts: string[] = [];

  constructor(readonly signal: RecordedSignal) {
    this.#width = signal.shape.reduce((product, length) => product * length, 1);
  }

  add({ rows, values }: Block, timeline: number, steps: Float64Array, times: Float64Array, fromStep: number, toStep: number): void {
    const count = rows?.length ?? steps.length;
    for (let index = 0; index < count; index++) {
      const row = rows?.[index] ?? index;
      const step = steps[row] ?? -1;
      if (step < fromStep || step > toStep) continue;
      this.#steps.push(step);
      this.#timelines.push(timeline);
      this.#times.push((times[row] ?? 0) / 1000);
      if (isTexts(values)) this.#texts.push(values[index] ?? '');
      else for (let at = index * this.#width; at < (index + 1) * this.#width; at++) this.#numbers.push(values[at] ?? NaN);
    }
  }

  series(): Series {
    const values = this.signal.kind === 'text' || this.signal.kind === 'json' ? this.#texts : Float64Array.from(this.#numbers);
    return { signal: this.signal, steps: Float64Array.from(this.#steps), timelines: Float64Array.from(this.#timelines), times: Float64Array.from(this.#times), values };
  }
}

const isTexts = (values: Block['values']): values is readonly string[] => Array.isArray(values);

const keyOf = (segment: Segment, batch: Batch, position: number): string => `${segment.name} ${segment.batches.indexOf(batch)} ${position}`;

const positionsOf = (segment: Segment, paths: readonly string[]): number[] => segment.signals.flatMap((signal, position) => (paths.includes(signal.path) ? [position] : []));

const sizeOf = ({ values }: Block): number => (isTexts(values) ? values.reduce((sum, text) => sum + 2 * text.length, 0) : values.byteLength);

function clock(blocks: ReadonlyMap<string, Block>, segment: Segment, batch: Batch, path: string): Float64Array {
  const [position] = positionsOf(segment, [path]);
  const block = position === undefined ? undefined : blocks.get(keyOf(segment, batch, position));
  if (!(block?.values instanceof Float64Array)) throw new RecordingError('damaged', `${describe(segment)}: a batch has no ${path}.`);
  return block.values;
}

/** The last row that is not after `step`, or the first. */
function rowOf(steps: Float64Array, step: number): number {
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((steps[middle] ?? 0) <= step) low = middle;
    else high = middle - 1;
  }
  return low;
}

function valueOf(signal: RecordedSignal, { rows, values }: Block, row: number): RecordedValue | undefined {
  const index = rows === undefined ? row : rows.indexOf(row);
  if (index < 0) return undefined;
  if (isTexts(values)) {
    const text = values[index] ?? '';
    return signal.kind === 'json' ? { kind: 'json', json: JSON.parse(text) as unknown } : { kind: 'text', text };
  }
  const width = signal.shape.reduce((product, length) => product * length, 1);
  return { kind: 'array', dtype: signal.dtype, shape: signal.shape, values: values.slice(index * width, (index + 1) * width) };
}

/** Ranges to ask for: near ones together, and so many at most. */
export function merged(places: readonly Place[], most: number): Place[] {
  const ranges: Place[] = [];
  for (const place of [...places].sort((one, other) => one.start - other.start)) {
    const last = ranges.at(-1);
    if (last !== undefined && place.start - last.stop <= GAP_BYTES && place.stop - last.start <= MOST_BYTES_OF_A_REQUEST) ranges[ranges.length - 1] = { start: last.start, stop: Math.max(last.stop, place.stop) };
    else ranges.push(place);
  }
  while (ranges.length > most) {
    const gaps = ranges.slice(1).map((range, index) => range.start - (ranges[index]?.stop ?? 0));
    const nearest = gaps.indexOf(Math.min(...gaps));
    const [left, right] = [ranges[nearest], ranges[nearest + 1]];
    if (left === undefined || right === undefined) break;
    ranges.splice(nearest, 2, { start: left.start, stop: right.stop });
  }
  return ranges;
}

function describe(segment: Segment): string {
  const [first, last] = [segment.batches[0], segment.batches.at(-1)];
  return first === undefined || last === undefined ? segment.name : `${segment.name}, steps ${first.firstStep} to ${last.lastStep} of timeline ${segment.timeline}`;
}

function within<T>(segment: Segment, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof RecordingError ? new RecordingError(error.kind, `${describe(segment)}: ${error.message}`) : error;
  }
}

function readEvent(text: string, segment: Segment): RecordedEvent {
  const said = JSON.parse(text) as unknown;
  if (typeof said !== 'object' || said === null || !('step' in said) || !('time' in said) || !('kind' in said) || typeof said.step !== 'number' || typeof said.time !== 'number' || typeof said.kind !== 'string') {
    throw new RecordingError('damaged', `${describe(segment)}: an event does not say what it should.`);
  }
  return { step: said.step, timeline: segment.timeline, time: said.time / 1000, kind: said.kind, data: 'data' in said ? said.data : undefined };
}
