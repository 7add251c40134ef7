/** Scalars over the whole run: the zoo's reduced history, continued live. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { MetricsQuery, type InstanceRow, type SignalOffer } from '../../api/documents';
import { formatNumber } from '../../domain/format';
import { hasEnded } from '../../domain/phase';
import { toNumber } from '../../domain/real';
import { alignCurves, mergeSeries, type HistorySeries } from '../../domain/series';
import { useAnswer } from '../../live/answer';
import { useFeed, useFrame } from '../../live/hooks';
import { Menu } from '../../ui/Menu';
import { palette } from '../../ui/palette';
import { Panel } from '../../ui/Panel';
import type { Plot } from '../../ui/plot';

const FIRST = ['metrics.episode_return', 'metrics.loss', 'env.reward'];
const TITLES: Readonly<Record<string, string>> = {
  'metrics.episode_return': 'Return of each episode',
  'metrics.loss': 'Loss',
  'env.reward': 'Reward',
};
const POINTS = 400;
const NO_SERIES: readonly (HistorySeries & { readonly path: string })[] = [];

export function MetricPanel({ row, signals }: { readonly row: InstanceRow; readonly signals: readonly SignalOffer[] }) {
  const ended = hasEnded(row.phase);
  // The end of the history moves on under the live points; asking again before they are forgotten leaves no gap.
  const { data, error } = useAnswer(MetricsQuery, { id: row.id, paths: null, points: POINTS }, ended ? {} : { everyMs: 5_000 });
  const series = useMemo(
    () =>
      data?.instance?.metrics.map((part) => ({
        ...part,
        mean: part.mean.map((real) => toNumber(real) ?? NaN),
        min: part.min.map((real) => toNumber(real) ?? NaN),
        max: part.max.map((real) => toNumber(real) ?? NaN),
      })) ?? NO_SERIES,
    [data],
  );
  const known = useMemo(() => scalarPaths(signals, series), [signals, series]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>();
  const shown = known.filter((path) => (chosen === undefined ? FIRST.includes(path) : chosen.has(path)));
  const others = known.length > shown.length || known.length > FIRST.length;
  const watchable = useMemo(() => new Set(signals.map((signal) => signal.path)), [signals]);

  if (known.length === 0) return error === undefined ? null : <Panel title="Progress">{error}</Panel>;
  return (
    <Panel title="Progress" aside={others && <ChartChoice known={known} shown={new Set(shown)} onChoose={setChosen} />}>
      <div className="charts">
        {shown.map((path) => (
          <MetricChart
            key={path}
            id={row.id}
            path={path}
            history={series.filter((part) => part.path === path)}
            live={!ended && watchable.has(path)}
          />
        ))}
      </div>
    </Panel>
  );
}

function scalarPaths(signals: readonly SignalOffer[], series: readonly { readonly path: string }[]): string[] {
  const paths = new Set(series.map(({ path }) => path));
  for (const { path, modality } of signals) {
    if (modality.kind === 'SCALAR' && (path.startsWith('metrics.') || path === 'env.reward')) paths.add(path);
  }
  const rank = (path: string): number => (FIRST.includes(path) ? FIRST.indexOf(path) : FIRST.length);
  return [...paths].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

interface ChoiceProps {
  readonly known: readonly string[];
  readonly shown: ReadonlySet<string>;
  readonly onChoose: (shown: ReadonlySet<string>) => void;
}

function ChartChoice({ known, shown, onChoose }: ChoiceProps) {
  return (
    <Menu label="Charts">
      {known.map((path) => (
        <label key={path}>
          <input
            type="checkbox"
            checked={shown.has(path)}
            onChange={(event) => {
              const next = new Set(shown);
              if (event.target.checked) next.add(path);
              else next.delete(path);
              onChoose(next);
            }}
          />
          <span className="mono">{path}</span>
        </label>
      ))}
    </Menu>
  );
}

interface ChartProps {
  readonly id: string;
  readonly path: string;
  readonly history: readonly HistorySeries[];
  readonly live: boolean;
}

const REDRAW_MS = 250;

function MetricChart({ id, path, history, live }: ChartProps) {
  const feed = useFeed(live ? { instanceId: id, path, maxRate: 20 } : undefined);
  const box = useRef<HTMLDivElement>(null);
  const newest = useRef<HTMLOutputElement>(null);
  const plot = useRef<Plot>(undefined);
  const drawn = useRef<{ readonly key: string; readonly at: number; readonly history: readonly HistorySeries[] }>(undefined);
  const [look, setLook] = useState(() => palette().version);

  useEffect(() => {
    const element = box.current;
    let gone = false;
    void import('../../ui/plot').then(({ createPlot }) => {
      if (gone || element === null) return;
      plot.current = createPlot(element, palette());
      drawn.current = undefined;
    });
    return () => {
      gone = true;
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [look]);

  useFrame((now) => {
    if (palette().version !== look) setLook(palette().version);
    if (plot.current === undefined) return;
    const source = feed();
    const key = `${source?.version ?? 0} ${history.length} ${history.at(-1)?.steps.at(-1) ?? ''}`;
    if (drawn.current?.key === key || now - (drawn.current?.at ?? -Infinity) < REDRAW_MS) return;
    drawn.current = { key, at: now, history };
    const curves = mergeSeries(history, source?.scalars ?? []);
    if (curves.length === 0) return;
    plot.current.show(
      alignCurves(curves),
      curves.map((curve) => curve.timeline),
    );
    const last = source?.scalars.last;
    if (newest.current !== null && last !== undefined) newest.current.textContent = formatNumber(last.value);
  });

  return (
    <figure className="chart" data-path={path}>
      <figcaption>
        <span>{TITLES[path] ?? path}</span>
        <output ref={newest} aria-live="off" />
      </figcaption>
      <div ref={box} className="plot" role="img" aria-label={`${TITLES[path] ?? path} by step`} />
    </figure>
  );
}
