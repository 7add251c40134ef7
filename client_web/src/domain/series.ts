/** A scalar over the whole run: the reduced history that the zoo keeps, continued by what arrives live. */

export interface HistorySeries {
  readonly timeline: number;
  readonly steps: readonly number[];
  readonly mean: readonly number[];
  readonly min: readonly number[];
  readonly max: readonly number[];
}

export interface LivePoint {
  readonly timeline: number;
  readonly step: number;
  readonly value: number;
}

/** One timeline's curve with its band; all columns have one length, steps ascend strictly. */
export interface Curve {
  readonly timeline: number;
  readonly steps: number[];
  readonly mean: number[];
  readonly min: number[];
  readonly max: number[];
}

/** Below this many points a history says nothing yet about how dense it is. */
const DENSE = 8;

/**
 * Joins history and live points. A live point counts only beyond the end of its timeline's history, so nothing is drawn twice;
 * as the history is asked for again from time to time, its end moves forward under the live points and no gap stays. Live
 * points are gathered in buckets as wide as those of the history, so that the curve looks the same on both sides of the seam.
 */
export function mergeSeries(history: readonly HistorySeries[], live: Iterable<LivePoint>): Curve[] {
  const curves = new Map<number, Growing>();
  for (const part of history) {
    const growing = growingOf(curves, part.timeline);
    part.steps.forEach((step, i) => push(growing.curve, step, part.mean[i] ?? NaN, part.min[i] ?? NaN, part.max[i] ?? NaN));
  }
  for (const growing of curves.values()) {
    const { steps } = growing.curve;
    growing.end = steps.at(-1) ?? -Infinity;
    if (steps.length >= DENSE) growing.width = (growing.end - (steps[0] ?? 0)) / (steps.length - 1);
  }
  for (const { timeline, step, value } of live) gather(growingOf(curves, timeline), step, value);
  return [...curves.values()].map(({ curve }) => curve).sort((a, b) => a.timeline - b.timeline);
}

interface Growing {
  readonly curve: Curve;
  /** The last step of the history. */
  end: number;
  /** The width of a bucket in steps. */
  width: number;
  /** How many live points the last bucket holds; 0 while the last point is history. */
  count: number;
}

function growingOf(curves: Map<number, Growing>, timeline: number): Growing {
  let growing = curves.get(timeline);
  if (growing === undefined) {
    growing = { curve: { timeline, steps: [], mean: [], min: [], max: [] }, end: -Infinity, width: 0, count: 0 };
    curves.set(timeline, growing);
  }
  return growing;
}

function gather(growing: Growing, step: number, value: number): void {
  const { curve, end, width, count } = growing;
  if (step <= end) return;
  const last = curve.steps.length - 1;
  const opened = curve.steps[last];
  if (count === 0 || opened === undefined || step >= opened + width) {
    if (push(curve, step, value, value, value)) growing.count = 1;
    return;
  }
  if (step < opened || Number.isNaN(value)) return;
  curve.mean[last] = ((curve.mean[last] ?? 0) * count + value) / (count + 1);
  curve.min[last] = Math.min(curve.min[last] ?? value, value);
  curve.max[last] = Math.max(curve.max[last] ?? value, value);
  growing.count = count + 1;
}

function push(curve: Curve, step: number, mean: number, min: number, max: number): boolean {
  const last = curve.steps.at(-1);
  if (last !== undefined && step <= last) return false;
  curve.steps.push(step);
  curve.mean.push(mean);
  curve.min.push(min);
  curve.max.push(max);
  return true;
}

/** Columns for a chart with a common x: steps, then mean, min, max per curve; null where a curve has no point or no finite value. */
export function alignCurves(curves: readonly Curve[]): (number | null)[][] {
  const steps = [...new Set(curves.flatMap((curve) => curve.steps))].sort((a, b) => a - b);
  const row = new Map(steps.map((step, i) => [step, i]));
  const columns: (number | null)[][] = [steps];
  for (const curve of curves) {
    for (const values of [curve.mean, curve.min, curve.max]) {
      const column = new Array<number | null>(steps.length).fill(null);
      curve.steps.forEach((step, i) => {
        const value = values[i];
        column[row.get(step) ?? 0] = value !== undefined && Number.isFinite(value) ? value : null;
      });
      columns.push(column);
    }
  }
  return columns;
}
