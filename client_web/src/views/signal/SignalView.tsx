/** One signal, live, in the form that suits its modality. */
import { useRef } from 'react';
import { formatNumber, formatShape } from '../../domain/format';
import { choiceCount, choiceLabel, sizeOf, widgetOf } from '../../domain/modality';
import { heatRaster } from '../../domain/raster';
import type { Content, Feed } from '../../live/feed';
import { useFeed, useFeedProblem, useFrame } from '../../live/hooks';
import { BAR_HEIGHT, drawBars, drawLine, drawRaster } from '../../ui/draw';
import { palette } from '../../ui/palette';
import { interestIn, type Watchable } from './kinds';
import { LiveScreen } from './LiveScreen';

interface Props {
  readonly instanceId: string;
  readonly signal: Watchable;
  readonly moving: boolean;
}

export function SignalView({ instanceId, signal, moving }: Props) {
  const { path, modality } = signal;
  return (
    <figure className="signal" data-path={path}>
      <figcaption>
        <span className="mono">{path}</span>
        <span className="soft small">
          {modality.kind.toLowerCase().replace('_', ' ')}
          {modality.shape.length > 0 && ` · ${formatShape(modality.shape)}`}
          {modality.unit !== null && ` · ${modality.unit}`}
        </span>
      </figcaption>
      <Body instanceId={instanceId} signal={signal} moving={moving} />
    </figure>
  );
}

function Body({ instanceId, signal, moving }: Props) {
  switch (widgetOf(signal.modality)) {
    case 'image':
      return <LiveScreen signal={interestIn(instanceId, signal)} label={`Live picture of ${signal.path}`} quiet="no picture yet" moving={moving} />;
    case 'heat':
      return <Heat instanceId={instanceId} signal={signal} />;
    case 'bars':
      return <Bars instanceId={instanceId} signal={signal} />;
    case 'choice':
      return <Choice instanceId={instanceId} signal={signal} />;
    case 'number':
      return <Figure instanceId={instanceId} signal={signal} />;
    case 'text':
      return <Text instanceId={instanceId} signal={signal} />;
  }
}

type Part = Omit<Props, 'moving'>;

/** Calls `show` in the frame loop whenever there is a new value or a new theme. */
function useReading(feed: () => Feed | undefined, show: (content: Content, feed: Feed) => void): void {
  const shown = useRef<{ readonly feed: Feed; readonly version: number; readonly look: number }>(undefined);
  useFrame(() => {
    const source = feed();
    if (source?.latest === undefined) return;
    const look = palette().version;
    if (shown.current?.feed === source && shown.current.version === source.version && shown.current.look === look) return;
    shown.current = { feed: source, version: source.version, look };
    show(source.latest.content, source);
  });
}

function numbersOf(content: Content): ArrayLike<number> | undefined {
  if (content.kind === 'array') return content.array.values;
  return content.kind === 'scalar' ? [content.value] : undefined;
}

function Problem({ feed }: { readonly feed: () => Feed | undefined }) {
  const problem = useFeedProblem(feed);
  return problem === undefined ? null : <p className="soft small">{problem}</p>;
}

/** The scale of unbounded components follows their peaks up at once and down slowly, so that bars do not jump. */
const FADE = 0.995;

function Bars({ instanceId, signal }: Part) {
  const feed = useFeed(interestIn(instanceId, signal));
  const reach = useRef(0);
  const canvas = useRef<HTMLCanvasElement>(null);
  useReading(feed, (content) => {
    const values = numbersOf(content);
    if (values === undefined || canvas.current === null) return;
    const size = Math.max(...Array.from(values, Math.abs).filter(Number.isFinite), 1e-6);
    reach.current = Math.max(size, reach.current * FADE);
    drawBars(canvas.current, values, signal.modality, reach.current, palette());
  });
  return (
    <>
      <canvas ref={canvas} className="bars" role="img" aria-label={`Values of ${signal.path} as bars`} style={{ height: sizeOf(signal.modality.shape) * BAR_HEIGHT }} />
      <Problem feed={feed} />
    </>
  );
}

function Heat({ instanceId, signal }: Part) {
  const feed = useFeed(interestIn(instanceId, signal));
  const canvas = useRef<HTMLCanvasElement>(null);
  useReading(feed, (content) => {
    if (content.kind === 'array' && canvas.current !== null) drawRaster(canvas.current, heatRaster(content.array));
  });
  return (
    <>
      <canvas ref={canvas} className="heat" role="img" aria-label={`Values of ${signal.path} as a heat map`} />
      <Problem feed={feed} />
    </>
  );
}

function Choice({ instanceId, signal }: Part) {
  const feed = useFeed(interestIn(instanceId, signal));
  const list = useRef<HTMLUListElement>(null);
  const { modality } = signal;
  const low = typeof modality.low === 'number' ? modality.low : 0;
  useReading(feed, (content) => {
    const chosen = (numbersOf(content)?.[0] ?? NaN) - low;
    list.current?.childNodes.forEach((item, i) => item instanceof HTMLElement && item.toggleAttribute('data-on', i === chosen));
  });
  return (
    <>
      <ul ref={list} className="choices">
        {Array.from({ length: choiceCount(modality) ?? 0 }, (_, i) => (
          <li key={i}>{choiceLabel(modality, i)}</li>
        ))}
      </ul>
      <Problem feed={feed} />
    </>
  );
}

const TRACE = 160;

function Figure({ instanceId, signal }: Part) {
  const feed = useFeed(interestIn(instanceId, signal));
  const number = useRef<HTMLOutputElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useReading(feed, (content, source) => {
    const value = numbersOf(content)?.[0];
    if (number.current !== null) number.current.textContent = content.kind === 'fault' ? content.message : formatNumber(value);
    if (canvas.current !== null) drawLine(canvas.current, tail(source), palette().tiger);
  });
  return (
    <>
      <div className="figure">
        <output ref={number} aria-live="off">
          –
        </output>
        <canvas ref={canvas} aria-hidden="true" />
      </div>
      <Problem feed={feed} />
    </>
  );
}

function tail(feed: Feed): number[] {
  const values: number[] = [];
  let skip = feed.scalars.size - TRACE;
  for (const point of feed.scalars) if (skip-- <= 0) values.push(point.value);
  return values;
}

function Text({ instanceId, signal }: Part) {
  const feed = useFeed(interestIn(instanceId, signal));
  const text = useRef<HTMLPreElement>(null);
  useReading(feed, (content) => {
    if (text.current === null) return;
    if (content.kind === 'text') text.current.textContent = content.text;
    else if (content.kind === 'fault') text.current.textContent = content.message;
    else text.current.textContent = Array.from(numbersOf(content) ?? []).slice(0, 64).map(formatNumber).join(' ');
  });
  return (
    <>
      <pre ref={text} className="value-text" />
      <Problem feed={feed} />
    </>
  );
}
