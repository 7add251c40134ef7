import { describe, expect, it } from 'vitest';
import { alignCurves, mergeSeries, thin, type HistorySeries } from './series';

const history = (timeline: number, steps: number[]): HistorySeries => ({
  timeline,
  steps,
  mean: steps.map((step) => step / 10),
  min: steps.map(() => 0),
  max: steps.map(() => 9),
});

describe('history and live points', () => {
  it('meet without a gap and without a point drawn twice', () => {
    const live = [90, 100, 110, 120].map((step) => ({ timeline: 1, step, value: step }));

    const [curve] = mergeSeries([history(1, [0, 50, 100])], live);

    expect(curve?.steps).toEqual([0, 50, 100, 110, 120]);
    expect(curve?.mean).toEqual([0, 5, 10, 110, 120]);
  });

  it('keep timelines apart, so that a step that was reached twice is two points', () => {
    const curves = mergeSeries([history(1, [0, 100])], [{ timeline: 2, step: 60, value: 1 }]);

    expect(curves.map((curve) => [curve.timeline, curve.steps])).toEqual([
      [1, [0, 100]],
      [2, [60]],
    ]);
  });

  it('ascend strictly whatever order the values come in', () => {
    const live = [5, 7, 7, 6, 8].map((step) => ({ timeline: 1, step, value: 0 }));

    expect(mergeSeries([], live)[0]?.steps).toEqual([5, 7, 8]);
  });
});

describe('columns for a chart', () => {
  it('share their steps and are null where a curve has nothing, or nothing finite', () => {
    const curves = mergeSeries([history(1, [0, 10])], [{ timeline: 2, step: 5, value: NaN }]);

    expect(alignCurves(curves)).toEqual([
      [0, 5, 10],
      [0, null, 1],
      [0, null, 0],
      [9, null, 9],
      [null, null, null],
      [null, null, null],
      [null, null, null],
    ]);
  });
});

describe('thinning', () => {
  it('keeps every extreme', () => {
    const steps = Array.from({ length: 1000 }, (_, i) => i);
    const curve = { timeline: 1, steps, mean: steps.map(() => 0), min: steps.map((i) => (i === 500 ? -7 : 0)), max: steps.map((i) => (i === 3 ? 42 : 0)) };

    const thinned = thin(curve, 100);

    expect(thinned.steps.length).toBeLessThanOrEqual(100);
    expect(Math.max(...thinned.max)).toBe(42);
    expect(Math.min(...thinned.min)).toBe(-7);
  });
});
