import { describe, expect, it } from 'vitest';
import { alignCurves, mergeSeries, type HistorySeries } from './series';

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

describe('live points beyond a dense history', () => {
  it('are gathered in buckets as wide as its own, with their extremes', () => {
    const dense = history(1, [0, 10, 20, 30, 40, 50, 60, 70]);
    const live = [71, 72, 80, 81, 95].map((step) => ({ timeline: 1, step, value: step }));

    const [curve] = mergeSeries([dense], live);

    expect(curve?.steps.slice(8)).toEqual([71, 81, 95]);
    expect([curve?.mean[8], curve?.min[8], curve?.max[8]]).toEqual([(71 + 72 + 80) / 3, 71, 80]);
  });
});
