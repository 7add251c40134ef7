/** The values of one watched signal: the newest for the screen, and the scalars since the page was opened for the charts. */
import type { SignalValue } from '../api/documents';
import { decodeTensor, EntryError } from '../api/tensor';
import type { ArrayValue } from '../domain/raster';
import { toNumber, type Real } from '../domain/real';
import { statisticsOf, type Histogram, type Statistic } from '../domain/reduction';
import type { LivePoint } from '../domain/series';
import { Ring } from './ring';

export type Content =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'array'; readonly array: ArrayValue }
  | { readonly kind: 'picture'; readonly bitmap: ImageBitmap }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'statistics'; readonly statistics: readonly Statistic[] }
  | { readonly kind: 'histogram'; readonly histogram: Histogram }
  | { readonly kind: 'fault'; readonly message: string };

export interface Reading {
  readonly timeline: number;
  readonly step: number;
  readonly time: string;
  readonly overridden: boolean;
  readonly content: Content;
}

export type DecodePicture = (jpeg: Blob) => Promise<ImageBitmap>;

const SCALARS_KEPT = 8192;

export class Feed {
  /** The newest value; undefined until one has come. */
  latest: Reading | undefined;
  /** Grows with each new value: whoever draws compares it with what is already on the screen. */
  version = 0;
  /** When the newest value came, in milliseconds of the browser's monotonic clock. */
  arrivedAtMs: number | undefined;
  /** Why no values come. */
  problem: string | undefined;
  dropped = 0;
  readonly scalars = new Ring<LivePoint>(SCALARS_KEPT);
  #decoding = false;
  #waiting: { readonly value: SignalValue; readonly jpeg: Blob } | undefined;

  constructor(
    private readonly decodePicture: DecodePicture,
    private readonly now: () => number,
  ) {}

  accept(value: SignalValue): void {
    this.problem = undefined;
    this.dropped += value.dropped;
    try {
      const content = this.#read(value);
      if (content !== undefined) this.#show(value, content);
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      this.#show(value, { kind: 'fault', message: error.message });
    }
  }

  /** Undefined for a picture, which is shown as soon as it is decoded. */
  #read(value: SignalValue): Content | undefined {
    const scalar = toNumber(value.scalar);
    if (scalar !== undefined) {
      const last = this.scalars.last;
      const repeated = last?.timeline === value.timeline && value.step <= last.step;
      if (!repeated) this.scalars.push({ timeline: value.timeline, step: value.step, value: scalar });
      return { kind: 'scalar', value: scalar };
    }
    if (value.text !== null) return { kind: 'text', text: value.text };
    if (value.statistics !== null) return { kind: 'statistics', statistics: statisticsOf(value.statistics, (real) => toNumber(real as Real)) };
    if (value.histogram !== null) return { kind: 'histogram', histogram: { edges: value.histogram.edges.map((edge) => toNumber(edge) ?? NaN), counts: value.histogram.counts } };
    if (value.tensor === null) throw new EntryError(value.path, 'the value is empty');
    const tensor = decodeTensor(value.tensor, value.path);
    if (tensor.kind === 'array') return { kind: 'array', array: tensor };
    this.#waiting = { value, jpeg: tensor.jpeg };
    void this.#decode();
    return undefined;
  }

  /** One picture at a time; while it is decoded only the newest of the others waits. */
  async #decode(): Promise<void> {
    if (this.#decoding) return;
    this.#decoding = true;
    while (this.#waiting !== undefined) {
      const { value, jpeg } = this.#waiting;
      this.#waiting = undefined;
      try {
        this.#show(value, { kind: 'picture', bitmap: await this.decodePicture(jpeg) });
      } catch {
        this.#show(value, { kind: 'fault', message: `${value.path}: the browser cannot read this JPEG picture` });
      }
    }
    this.#decoding = false;
  }

  #show(value: SignalValue, content: Content): void {
    if (this.latest?.content.kind === 'picture') this.latest.content.bitmap.close();
    this.latest = { timeline: value.timeline, step: value.step, time: value.time, overridden: value.overridden, content };
    this.arrivedAtMs = this.now();
    this.version += 1;
  }
}
