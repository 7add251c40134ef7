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

/**
 * Joins history and live points. A live point counts only beyond the end of its timeline's history, so nothing is drawn twice;
 * as the history is asked for again from time to time, its end moves forward under the live points and no gap stays.
 */
export function mergeSeries(history: readonly HistorySeries[], live: Iterable<LivePoint>): Curve[] {
  const curves = new Map<number, Curve>();
  for (const part of history) {
    const curve = curveOf(curves, part.timeline);
    part.steps.forEach((step, i) => push(curve, step, part.mean[i], part.min[i], part.max[i]));
  }
  for (const { timeline, step, value } of live) push(curveOf(curves, timeline), step, value, value, value);
  return [...curves.values()].sort((a, b) => a.timeline - b.timeline);
}

function curveOf(curves: Map<number, Curve>, timeline: number): Curve {
  let curve = curves.get(timeline);
  if (curve === undefined) {
    curve = { timeline, steps: [], mean: [], min: [], max: [] };
    curves.set(timeline, curve);
  }
  return curve;
}

function push(curve: Curve, step: number, mean = NaN, min = mean, max = mean): void {
  const last = curve.steps.at(-1);
  if (last !== undefined && step <= last) return;
  curve.steps.push(step);
  curve.mean.push(mean);
  curve.min.push(min);
  curve.max.push(max);
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

/** Halves the number of points by joining neighbours, keeping every extreme: what a sparkline or a long live tail needs. */
export function thin(curve: Curve, most: number): Curve {
  let current = curve;
  while (current.steps.length > most) current = halve(current);
  return current;
}

function halve(curve: Curve): Curve {
  const half: Curve = { timeline: curve.timeline, steps: [], mean: [], min: [], max: [] };
  for (let i = 0; i < curve.steps.length; i += 2) {
    const j = Math.min(i + 1, curve.steps.length - 1);
    half.steps.push(curve.steps[j] ?? 0);
    half.mean.push(((curve.mean[i] ?? NaN) + (curve.mean[j] ?? NaN)) / 2);
    half.min.push(Math.min(curve.min[i] ?? NaN, curve.min[j] ?? NaN));
    half.max.push(Math.max(curve.max[i] ?? NaN, curve.max[j] ?? NaN));
  }
  return half;
}
