/** What canvases show. Every function draws the whole canvas anew. */
import { formatTick } from '../domain/format';
import { boundAt, componentName, type Modality } from '../domain/modality';
import type { Raster } from '../domain/raster';
import { FLAG, type Clock } from '../domain/recorded';
import type { Histogram } from '../domain/reduction';
import type { Palette } from './palette';

/** Fits the canvas to its box in device pixels; the answer draws in CSS pixels on a cleared canvas. */
export function prepare(canvas: HTMLCanvasElement): { readonly context: CanvasRenderingContext2D; readonly width: number; readonly height: number } | undefined {
  const context = canvas.getContext('2d');
  const { clientWidth: width, clientHeight: height } = canvas;
  if (context === null || width === 0 || height === 0) return undefined;
  const ratio = devicePixelRatio;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

export function drawPicture(canvas: HTMLCanvasElement, bitmap: ImageBitmap): void {
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
}

export function drawRaster(canvas: HTMLCanvasElement, { width, height, rgba }: Raster): void {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
}

export const BAR_HEIGHT = 22;

/** One row per component: its name, a bar from zero within its bounds, its value. `reach` is the range of components without bounds, from -reach to reach. */
export function drawBars(canvas: HTMLCanvasElement, values: ArrayLike<number>, modality: Modality, reach: number, look: Palette): void {
  const place = prepare(canvas);
  if (place === undefined) return;
  const { context, width } = place;
  context.font = look.font;
  context.textBaseline = 'middle';
  const names = Array.from({ length: values.length }, (_, i) => componentName(modality, i));
  const nameWidth = Math.min(width * 0.4, Math.max(...names.map((name) => context.measureText(name).width)) + 10);
  const valueWidth = 58;
  const track = Math.max(20, width - nameWidth - valueWidth);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    const low = boundAt(modality.low, i) ?? -reach;
    const high = boundAt(modality.high, i) ?? reach;
    const middle = i * BAR_HEIGHT + BAR_HEIGHT / 2;
    const at = (x: number): number => nameWidth + ((Math.min(high, Math.max(low, x)) - low) / (high - low || 1)) * track;
    context.fillStyle = look.soft;
    context.textAlign = 'left';
    context.fillText(names[i] ?? '', 0, middle, nameWidth - 8);
    context.fillStyle = look.sunken;
    context.fillRect(nameWidth, middle - 4, track, 8);
    const zero = at(Math.min(high, Math.max(low, 0)));
    if (Number.isFinite(value)) {
      context.fillStyle = look.tiger;
      const end = at(value);
      context.fillRect(Math.min(zero, end), middle - 4, Math.max(1.5, Math.abs(end - zero)), 8);
    }
    context.fillStyle = look.line;
    context.fillRect(zero - 0.5, middle - 7, 1, 14);
    context.fillStyle = look.ink;
    context.textAlign = 'right';
    context.fillText(shortValue(value), width, middle);
  }
}

function shortValue(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return (Math.abs(value) >= 1000 ? value.toExponential(1) : value.toFixed(Math.abs(value) >= 100 ? 0 : 2)).replace('-', '−');
}

/** Bars from the least value to the largest, which stand below them. */
export function drawHistogram(canvas: HTMLCanvasElement, { edges, counts }: Histogram, look: Palette): void {
  const place = prepare(canvas);
  if (place === undefined) return;
  const { context, width, height } = place;
  const most = Math.max(...counts, 1);
  const bottom = height - 18;
  context.fillStyle = look.tiger;
  counts.forEach((count, i) => {
    const tall = (count / most) * (bottom - 2);
    context.fillRect((i / counts.length) * width, bottom - tall, Math.max(1, width / counts.length - 1), tall);
  });
  context.fillStyle = look.line;
  context.fillRect(0, bottom, width, 1);
  context.font = look.font;
  context.fillStyle = look.soft;
  context.textBaseline = 'bottom';
  context.textAlign = 'left';
  context.fillText(formatTick(edges[0] ?? NaN), 0, height);
  context.textAlign = 'right';
  context.fillText(formatTick(edges.at(-1) ?? NaN), width, height);
}

/** A line through `values`, scaled to fill the canvas; values that are not finite leave a gap. */
export function drawLine(canvas: HTMLCanvasElement, values: readonly number[], colour: string, fill?: string): void {
  const place = prepare(canvas);
  if (place === undefined) return;
  const { context, width, height } = place;
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) return;
  const low = Math.min(...finite);
  const range = Math.max(...finite) - low || 1;
  const x = (i: number): number => (i / (values.length - 1)) * width;
  const y = (value: number): number => height - 2 - ((value - low) / range) * (height - 4);
  context.lineWidth = 1.6;
  context.lineJoin = 'round';
  context.strokeStyle = colour;
  context.beginPath();
  let drawing = false;
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) drawing = false;
    else if (drawing) context.lineTo(x(i), y(value));
    else {
      context.moveTo(x(i), y(value));
      drawing = true;
    }
  });
  context.stroke();
  if (fill !== undefined) {
    context.lineTo(width, height);
    context.lineTo(0, height);
    context.closePath();
    context.fillStyle = fill;
    context.fill();
  }
}

export interface Cursor {
  /** The point that is looked at, counted from the first one. */
  readonly at: number;
  /** What stands at the ends of the axis. */
  readonly first: number;
  readonly last: number;
}

const LABEL_HEIGHT = 14;

/** Lines over the same points, with their least and largest value, and a line where one looks; gaps where nothing is finite. */
export function drawCourse(canvas: HTMLCanvasElement, lines: readonly Float64Array[], { at, first, last }: Cursor, look: Palette): void {
  const place = prepare(canvas);
  if (place === undefined) return;
  const { context, width, height } = place;
  const bottom = height - 16;
  let [low, high] = [Infinity, -Infinity];
  for (const line of lines) {
    for (const value of line) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  const count = lines[0]?.length ?? 0;
  const x = (i: number): number => (count <= 1 ? 0 : (i / (count - 1)) * width);
  context.fillStyle = look.grid;
  context.fillRect(0, bottom, width, 1);
  if (low <= high) {
    const range = high - low || 1;
    const y = (value: number): number => (high === low ? bottom / 2 : 3 + (1 - (value - low) / range) * (bottom - 6));
    lines.forEach((line, i) => {
      context.strokeStyle = look.series[i % look.series.length] ?? look.tiger;
      context.lineWidth = 1.5;
      context.beginPath();
      stroke(context, line, x, y, width);
      context.stroke();
    });
    context.font = look.font;
    context.textAlign = 'left';
    context.textBaseline = 'top';
    const label = (value: number, top: number): void => {
      const text = formatTick(value);
      // Lines of thousands of points fill the canvas: the number needs a ground of its own.
      context.fillStyle = look.card;
      context.fillRect(0, top - 1, context.measureText(text).width + 4, LABEL_HEIGHT);
      context.fillStyle = look.soft;
      context.fillText(text, 2, top);
    };
    label(high, 2);
    if (high !== low) label(low, bottom - LABEL_HEIGHT);
  }
  context.fillStyle = look.soft;
  context.font = look.font;
  context.textBaseline = 'bottom';
  context.textAlign = 'left';
  context.fillText(first.toLocaleString('en'), 0, height);
  context.textAlign = 'right';
  context.fillText(last.toLocaleString('en'), width, height);
  context.fillStyle = look.ink;
  context.fillRect(Math.min(width - 1, Math.max(0, x(at) - 0.5)), 0, 1, bottom);
}

/** Of many points in one column only the least and the largest are drawn: nothing else could be seen. */
function stroke(context: CanvasRenderingContext2D, line: Float64Array, x: (i: number) => number, y: (value: number) => number, width: number): void {
  const each = Math.max(1, Math.floor(line.length / (width * 2)));
  let drawing = false;
  for (let i = 0; i < line.length; i += each) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of line.subarray(i, i + each)) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (low > high) {
      drawing = false;
      continue;
    }
    if (drawing) context.lineTo(x(i), y(low));
    else context.moveTo(x(i), y(low));
    if (high > low) context.lineTo(x(i), y(high));
    drawing = true;
  }
}

/** Above the line of all steps: where episodes begin, where somebody drove or overrode, and where there are notes. */
export function drawTimeline(canvas: HTMLCanvasElement, clock: Clock, notes: readonly number[], look: Palette): void {
  const place = prepare(canvas);
  if (place === undefined) return;
  const { context, width, height } = place;
  const x = (row: number): number => (clock.length <= 1 ? 0 : (row / (clock.length - 1)) * width);
  const band = (flag: number, colour: string, top: number): void => {
    context.fillStyle = colour;
    for (const { from, to } of clock.spans(flag)) context.fillRect(x(from), top, Math.max(2, x(to) - x(from)), 4);
  };
  context.fillStyle = look.line;
  const episodes = clock.spans(FLAG.first);
  if (episodes.length < width / 3) for (const { from } of episodes) context.fillRect(x(from), height - 8, 1, 8);
  band(FLAG.driven, look.series[1] ?? look.ink, 0);
  band(FLAG.overridden, look.series[3] ?? look.ink, 5);
  context.fillStyle = look.series[2] ?? look.ink;
  for (const row of notes) {
    context.beginPath();
    context.arc(Math.min(width - 4, Math.max(4, x(row))), height - 5, 4, 0, 2 * Math.PI);
    context.fill();
  }
}
