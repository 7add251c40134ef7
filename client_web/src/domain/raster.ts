/** Arrays as pictures: RGBA bytes that a canvas can put. */
import { aroundZero, growing, rangeOf } from './colour';

export interface ArrayValue {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

export type Layout = 'HWC' | 'CHW';

/** An image array (grey, RGB or RGBA) as it looks; undefined when its shape is no image's. Floats are taken as 0..1 unless they exceed it. */
export function imageRaster(array: ArrayValue, layout: Layout = 'HWC'): Raster | undefined {
  const [first, second, third] = array.shape;
  if (first === undefined || second === undefined || array.shape.length > 3) return undefined;
  const chw = layout === 'CHW' && third !== undefined;
  const [height, width, channels] = chw ? [second, third, first] : [first, second, third ?? 1];
  if (channels !== 1 && channels !== 3 && channels !== 4) return undefined;
  const scale = byteScale(array);
  const at = chw
    ? (pixel: number, channel: number): number => channel * width * height + pixel
    : (pixel: number, channel: number): number => pixel * channels + channel;
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      rgba[pixel * 4 + channel] = (array.values[at(pixel, channels === 1 ? 0 : channel)] ?? 0) * scale;
    }
    rgba[pixel * 4 + 3] = channels === 4 ? (array.values[at(pixel, 3)] ?? 0) * scale : 255;
  }
  return { width, height, rgba };
}

function byteScale(array: ArrayValue): number {
  if (array.dtype === 'bool') return 255;
  if (!array.dtype.startsWith('float')) return 1;
  return rangeOf(array.values).high > 1.5 ? 1 : 255;
}

/** Any array as a heat map: the last axis across, the rest down; a long vector is folded to be about square. */
export function heatRaster(array: ArrayValue): Raster {
  const size = array.values.length;
  const last = array.shape.at(-1) ?? 1;
  const width = array.shape.length <= 1 ? Math.max(1, Math.ceil(Math.sqrt(size * 2))) : Math.max(1, last);
  const height = Math.max(1, Math.ceil(size / width));
  const { low, high } = rangeOf(array.values);
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < size; i++) {
    const value = array.values[i] ?? NaN;
    const [r, g, b] = low < 0 ? aroundZero(value / high) : growing((value - low) / (high - low));
    rgba.set(Number.isFinite(value) ? [r, g, b, 255] : [255, 0, 200, 255], i * 4);
  }
  return { width, height, rgba };
}
