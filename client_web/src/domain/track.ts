/** One recorded signal, read a window of rows at a time around where it is looked at. */
import { elementsOf, type Channel, type Clock, type Rows, type Span } from './recorded';
import type { ArrayValue } from './raster';

/** From one step to another, both included, of one timeline. */
export type ReadRows = (path: string, fromStep: number, toStep: number, timeline: number) => Promise<Rows>;

export type Moment =
  | { readonly kind: 'array'; readonly array: ArrayValue }
  | { readonly kind: 'text'; readonly text: string }
  /** It had no value at this step. */
  | { readonly kind: 'absent' };

/** The values of a window; by row, counted from its first one. */
interface Window {
  readonly span: Span;
  readonly parts: readonly { readonly span: Span; readonly rows: Rows; readonly places: Int32Array }[];
}

const MOST_ELEMENTS = 2 ** 21;
const MOST_ROWS = 4096;
const WINDOWS_KEPT = 6;
/** A picture is read by itself: its neighbours would be too much to hold. */
const LARGE = 2 ** 14;
const PICTURES_KEPT = 24;
const PICTURES_FORESEEN = 3;

/** Whether its rows are read one by one. */
export function isLarge(channel: Channel): boolean {
  return elementsOf(channel) > LARGE;
}

export class Track {
  readonly #size: number;
  readonly #windows = new Map<number, Window>();
  readonly #asked = new Set<number>();
  readonly #failed = new Map<number, string>();
  /** Grows when something more can be shown. */
  version = 0;

  constructor(
    readonly channel: Channel,
    private readonly clock: Clock,
    private readonly read: ReadRows,
  ) {
    this.#size = isLarge(channel) ? 1 : Math.min(MOST_ROWS, 2 ** Math.floor(Math.log2(MOST_ELEMENTS / Math.max(1, elementsOf(channel)))));
  }

  /** The value at a row; undefined while it is on its way, which asking for it sets off. */
  at(row: number): Moment | undefined {
    const window = this.#windowOf(row);
    return window === undefined ? undefined : momentIn(window, this.channel, row);
  }

  /** Asks for what is behind a window before it is reached. */
  foresee(row: number): void {
    const now = Math.floor(row / this.#size);
    const far = this.#size === 1 ? PICTURES_FORESEEN : 1;
    for (let next = now + 1; next <= now + far && next * this.#size < this.clock.length; next++) this.#ask(next);
  }

  /** Why nothing is to be had at a row. */
  problem(row: number): string | undefined {
    return this.#failed.get(Math.floor(row / this.#size));
  }

  /** The rows that are read together with this one. */
  span(row: number): Span {
    const from = Math.floor(row / this.#size) * this.#size;
    return { from, to: Math.min(this.clock.length, from + this.#size) };
  }

  /** One component over the rows of `span(row)`, NaN where it is absent; undefined while they are on their way. */
  line(row: number, component: number): Float64Array | undefined {
    const window = this.#windowOf(row);
    if (window === undefined) return undefined;
    const line = new Float64Array(window.span.to - window.span.from).fill(NaN);
    const width = elementsOf(this.channel);
    for (const { span, rows, places } of window.parts) {
      for (let at = span.from; at < span.to; at++) {
        const place = places[at - span.from] ?? -1;
        if (place >= 0) line[at - window.span.from] = Number(rows.values[place * width + component]);
      }
    }
    return line;
  }

  #windowOf(row: number): Window | undefined {
    const number = Math.floor(row / this.#size);
    const window = this.#windows.get(number);
    if (window === undefined) {
      this.#ask(number);
      return undefined;
    }
    this.#windows.delete(number);
    this.#windows.set(number, window);
    return window;
  }

  #ask(number: number): void {
    if (this.#windows.has(number) || this.#asked.has(number) || this.#failed.has(number)) return;
    this.#asked.add(number);
    this.#load(this.span(number * this.#size)).then(
      (window) => {
        this.#windows.set(number, window);
        const [oldest] = this.#windows.keys();
        if (this.#windows.size > (this.#size === 1 ? PICTURES_KEPT : WINDOWS_KEPT) && oldest !== undefined) this.#windows.delete(oldest);
        this.#settle(number);
      },
      (error: unknown) => {
        this.#failed.set(number, error instanceof Error ? error.message : String(error));
        this.#settle(number);
      },
    );
  }

  #settle(number: number): void {
    this.#asked.delete(number);
    this.version += 1;
  }

  async #load(span: Span): Promise<Window> {
    const parts = await Promise.all(
      this.clock.runs(span).map(async (run) => {
        const rows = await this.read(this.channel.path, this.clock.step(run.from), this.clock.step(run.to - 1), this.clock.timeline(run.from));
        return { span: run, rows, places: placesOf(this.clock, run, rows) };
      }),
    );
    return { span, parts };
  }
}

/** Where in `rows` each row of a run is; -1 where the signal was absent. */
function placesOf(clock: Clock, { from, to }: Span, rows: Rows): Int32Array {
  const places = new Int32Array(to - from).fill(-1);
  let place = 0;
  for (let row = from; row < to; row++) {
    while (place < rows.steps.length && (rows.steps[place] ?? 0) < clock.step(row)) place += 1;
    if (rows.steps[place] === clock.step(row)) places[row - from] = place;
  }
  return places;
}

function momentIn({ parts }: Window, channel: Channel, row: number): Moment {
  const part = parts.find(({ span }) => row >= span.from && row < span.to);
  const place = part?.places[row - part.span.from] ?? -1;
  if (part === undefined || place < 0) return { kind: 'absent' };
  const { values } = part.rows;
  if (isWords(values)) return { kind: 'text', text: values[place] ?? '' };
  const width = elementsOf(channel);
  return { kind: 'array', array: { dtype: channel.dtype, shape: channel.shape, values: slice(values, place * width, (place + 1) * width) } };
}

function isWords(values: Rows['values']): values is readonly string[] {
  return Array.isArray(values) && typeof values[0] === 'string';
}

function slice(values: ArrayLike<number>, from: number, to: number): ArrayLike<number> {
  return ArrayBuffer.isView(values) ? (values as Float64Array).subarray(from, to) : Array.from({ length: to - from }, (_, i) => values[from + i] ?? NaN);
}
