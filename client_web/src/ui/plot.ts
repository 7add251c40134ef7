/** A line chart with a min/max band over steps, by uPlot; loaded only where a chart is shown. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatCount, formatNumber, formatTick } from '../domain/format';
import type { Palette } from './palette';

export interface Plot {
  /** Columns as `alignCurves` gives them; `timelines` names each curve. */
  show(columns: (number | null)[][], timelines: readonly number[]): void;
  destroy(): void;
}

const HEIGHT = 190;

/** A line of a point or two cannot be seen. */
function isSparse(plot: uPlot): boolean {
  return plot.data[0].length < 8;
}

export function createPlot(element: HTMLElement, look: Palette): Plot {
  let plot: uPlot | undefined;
  let drawn = '';

  const build = (columns: (number | null)[][], timelines: readonly number[]): void => {
    plot?.destroy();
    const axis = { stroke: look.soft, font: look.font, grid: { stroke: look.grid, width: 1 }, ticks: { show: false } };
    const newest = timelines.length - 1;
    const series: uPlot.Series[] = [{ label: 'Step', value: (_, step) => formatCount(step) }];
    const bands: uPlot.Band[] = [];
    timelines.forEach((timeline, i) => {
      const colour = i === newest ? look.tiger : look.soft;
      const name = timelines.length === 1 ? 'Mean' : `Timeline ${timeline}`;
      const edge = { show: true, stroke: 'transparent', width: 0, spanGaps: true, points: { show: false } };
      series.push(
        { label: name, stroke: colour, width: i === newest ? 1.8 : 1.1, spanGaps: true, points: { show: isSparse, size: 6, fill: colour }, value: (_, value) => formatNumber(value) },
        { label: 'Least', ...edge, value: (_, value) => formatNumber(value) },
        { label: 'Most', ...edge, value: (_, value) => formatNumber(value) },
      );
      if (i === newest) bands.push({ series: [3 * i + 3, 3 * i + 2], fill: look.band });
    });
    plot = new uPlot(
      {
        width: Math.max(120, element.clientWidth),
        height: HEIGHT,
        series,
        bands,
        axes: [
          { ...axis, size: 30, values: (_, splits) => splits.map((split) => formatCount(split)) },
          { ...axis, size: 54, values: (_, splits) => splits.map((split) => formatTick(split)) },
        ],
        scales: { x: { time: false } },
        legend: { show: false },
        cursor: { y: false, points: { size: 7 } },
        padding: [10, 10, 0, 0],
      },
      columns as uPlot.AlignedData,
      element,
    );
  };

  const resize = new ResizeObserver(() => plot?.setSize({ width: Math.max(120, element.clientWidth), height: HEIGHT }));
  resize.observe(element);

  return {
    show: (columns, timelines) => {
      const shape = timelines.join(',');
      if (plot === undefined || shape !== drawn) build(columns, timelines);
      else plot.setData(columns as uPlot.AlignedData);
      drawn = shape;
    },
    destroy: () => {
      resize.disconnect();
      plot?.destroy();
    },
  };
}
