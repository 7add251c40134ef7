/** What a recording holds, as its page reads it: signals over rows, one row for each step that was taken. */

export interface Channel {
  readonly path: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly kind: 'image' | 'vector' | 'scalar' | 'text' | 'json';
}

/** One signal in the order in which its steps were taken; steps at which it was absent are not in it. */
export interface Rows {
  readonly steps: ArrayLike<number>;
  readonly timelines: ArrayLike<number>;
  /** Milliseconds since 1970, UTC. */
  readonly times: ArrayLike<number>;
  /** All elements of a row, then those of the next; of text and JSON one string per row. */
  readonly values: ArrayLike<number> | readonly string[];
}

export interface RecordedEvent {
  readonly step: number;
  readonly timeline: number;
  readonly kind: string;
  readonly data: unknown;
}

/** The channel of one byte for each step, and its bits. */
export const FLAGS = 'zoo.flags';
export const FLAG = { terminated: 1, truncated: 2, overridden: 4, driven: 8, first: 16 } as const;

export function elementsOf({ shape }: Channel): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Pauses between two steps that are longer than this are not sat through. */
const LONGEST_PAUSE_MS = 1000;

export interface Span {
  /** The first row, and the row behind the last. */
  readonly from: number;
  readonly to: number;
}

/** The steps of a recording by row, and when each was taken. */
export class Clock {
  readonly length: number;
  /** Milliseconds since the first step, without long pauses. */
  readonly #at: Float64Array;

  constructor(private readonly flags: Rows) {
    this.length = flags.steps.length;
    this.#at = new Float64Array(this.length);
    for (let row = 1; row < this.length; row++) {
      const pause = Math.max(0, (flags.times[row] ?? 0) - (flags.times[row - 1] ?? 0));
      this.#at[row] = (this.#at[row - 1] ?? 0) + Math.min(pause, LONGEST_PAUSE_MS);
    }
  }

  step(row: number): number {
    return this.flags.steps[row] ?? 0;
  }

  timeline(row: number): number {
    return this.flags.timelines[row] ?? 1;
  }

  /** Milliseconds of play from the beginning to this row. */
  at(row: number): number {
    return this.#at[row] ?? 0;
  }

  time(row: number): number {
    return this.flags.times[row] ?? 0;
  }

  has(row: number, flag: number): boolean {
    return (Number(this.flags.values[row] ?? 0) & flag) !== 0;
  }

  /** The last row that has begun after so many milliseconds of play. */
  rowAt(milliseconds: number): number {
    let [low, high] = [0, this.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.at(middle) <= milliseconds) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** The row of a step, on the newest timeline that has it unless one is named; else the nearest row before it. */
  rowOf(step: number, timeline?: number): number {
    let nearest = 0;
    for (let row = this.length - 1; row >= 0; row--) {
      if (timeline !== undefined && this.timeline(row) !== timeline) continue;
      if (this.step(row) === step) return row;
      if (this.step(row) < step && (nearest === 0 || this.step(row) > this.step(nearest))) nearest = row;
    }
    return nearest;
  }

  /** Stretches of rows that all have the flag. */
  spans(flag: number): readonly Span[] {
    const spans: Span[] = [];
    let from: number | undefined;
    for (let row = 0; row <= this.length; row++) {
      const on = row < this.length && this.has(row, flag);
      if (on) from ??= row;
      else if (from !== undefined) {
        spans.push({ from, to: row });
        from = undefined;
      }
    }
    return spans;
  }

  /** Rows within a span that lie on one timeline each: within such a run steps ascend. */
  runs({ from, to }: Span): readonly Span[] {
    const runs: Span[] = [];
    let start = from;
    for (let row = from + 1; row <= to; row++) {
      if (row < to && this.timeline(row) === this.timeline(start)) continue;
      runs.push({ from: start, to: row });
      start = row;
    }
    return runs;
  }
}

export const SPEEDS: readonly number[] = [0.1, 0.25, 0.5, 1, 2, 4, 8, 16];

/** Where the play is: it moves by itself while it is on, and stops at the end. */
export class Playhead {
  #row = 0;
  #at = 0;
  #playing = false;
  #heardMs: number | undefined;
  #speed = 1;

  constructor(private readonly clock: Clock) {}

  get row(): number {
    return this.#row;
  }

  get playing(): boolean {
    return this.#playing;
  }

  setSpeed(speed: number): void {
    this.#speed = speed;
  }

  seek(row: number): void {
    this.#row = Math.min(Math.max(0, Math.round(row)), Math.max(0, this.clock.length - 1));
    this.#at = this.clock.at(this.#row);
  }

  /** By so many seconds of play. */
  skip(seconds: number): void {
    this.seek(this.clock.rowAt(this.clock.at(this.#row) + seconds * 1000));
  }

  play(): void {
    if (this.#row >= this.clock.length - 1) this.seek(0);
    this.#playing = this.clock.length > 1;
    this.#heardMs = undefined;
  }

  pause(): void {
    this.#playing = false;
  }

  /** Moves on to `nowMs`; while `waiting` for what is to be shown it stands. Tells whether anything changed. */
  tick(nowMs: number, waiting = false): boolean {
    if (!this.#playing) return false;
    const passed = waiting ? 0 : nowMs - (this.#heardMs ?? nowMs);
    this.#heardMs = nowMs;
    this.#at += passed * this.#speed;
    const row = this.clock.rowAt(this.#at);
    const ended = row >= this.clock.length - 1;
    if (ended) this.#playing = false;
    const moved = row !== this.#row;
    this.#row = row;
    return moved || ended;
  }
}
