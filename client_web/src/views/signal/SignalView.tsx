/** One signal, live, in the form that suits its modality. */
import { useRef, useState, type ReactNode } from 'react';
import { formatCount, formatNumber, formatShape } from '../../domain/format';
import { choiceCount, choiceLabel, sizeOf, widgetOf, type Modality } from '../../domain/modality';
import { heatRaster } from '../../domain/raster';
import type { WatchChoice } from '../../domain/reduction';
import type { Content, Feed } from '../../live/feed';
import { useFeed, useFeedProblem, useFrame } from '../../live/hooks';
import type { SignalInterest } from '../../live/interest';
import { BAR_HEIGHT, drawBars, drawHistogram, drawLine, drawRaster } from '../../ui/draw';
import { palette } from '../../ui/palette';
import { interestIn, type Watchable } from './kinds';
import { LiveScreen } from './LiveScreen';
import { SignalMenu } from './SignalMenu';

interface Props {
  readonly instanceId: string;
  readonly signal: Watchable;
  readonly moving: boolean;
  /** What else can be done with it, beside choosing how it is watched. */
  readonly children?: ReactNode;
}

export function SignalView({ instanceId, signal, moving, children }: Props) {
  const { path, modality } = signal;
  const [choice, setChoice] = useState<WatchChoice>({});
  const interest = interestIn(instanceId, signal, choice);
  return (
    <figure className="signal" data-path={path}>
      <figcaption>
        <span className="signal-name">
          <span className="mono">{path}</span>
          <Changed interest={interest} />
        </span>
        <span className="soft small">{modalityText(modality)}</span>
        <SignalMenu path={path} modality={modality} choice={choice} rate={interest.maxRate} onChoose={setChoice}>
          {children}
        </SignalMenu>
      </figcaption>
      <Body interest={interest} signal={signal} moving={moving} />
    </figure>
  );
}

export function modalityText({ kind, shape, unit }: Modality): string {
  return [kind.toLowerCase().replace('_', ' '), ...(shape.length > 0 ? [formatShape(shape)] : []), ...(unit === null ? [] : [unit])].join(' · ');
}

/** Says so while a rule or somebody's hand changes the value. */
function Changed({ interest }: { readonly interest: SignalInterest }) {
  const feed = useFeed(interest);
  const badge = useRef<HTMLSpanElement>(null);
  useFrame(() => {
    const hidden = feed()?.latest?.overridden !== true;
    if (badge.current !== null && badge.current.hidden !== hidden) badge.current.hidden = hidden;
  });
  return (
    <span ref={badge} className="badge changed" data-tone="wait" hidden>
      changed
    </span>
  );
}

interface Part {
  readonly interest: SignalInterest;
  readonly signal: Watchable;
}

function Body({ interest, signal, moving }: Part & { readonly moving: boolean }) {
  if (interest.reduce === 'STATISTICS') return <Statistics interest={interest} signal={signal} />;
  if (interest.reduce === 'HISTOGRAM') return <Distribution interest={interest} signal={signal} />;
  switch (widgetOf(signal.modality)) {
    case 'image':
      return <LiveScreen signal={interest} label={`Live picture of ${signal.path}`} quiet="no picture yet" moving={moving} />;
    case 'heat':
      return <Heat interest={interest} signal={signal} />;
    case 'bars':
      return <Bars interest={interest} signal={signal} />;
    case 'choice':
      return <Choice interest={interest} signal={signal} />;
    case 'number':
      return <Figure interest={interest} />;
    case 'text':
      return <Text interest={interest} />;
  }
}

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

function Bars({ interest, signal }: Part) {
  const feed = useFeed(interest);
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

function Heat({ interest, signal }: Part) {
  const feed = useFeed(interest);
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

function Choice({ interest, signal }: Part) {
  const feed = useFeed(interest);
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

function Figure({ interest }: Pick<Part, 'interest'>) {
  const feed = useFeed(interest);
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

function Text({ interest }: Pick<Part, 'interest'>) {
  const feed = useFeed(interest);
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

function Statistics({ interest, signal }: Part) {
  const feed = useFeed(interest);
  const list = useRef<HTMLDListElement>(null);
  useReading(feed, (content) => {
    if (content.kind !== 'statistics' || list.current === null) return;
    list.current.replaceChildren(
      ...content.statistics.map(({ name, value }) => {
        const row = document.createElement('div');
        const [term, detail] = [document.createElement('dt'), document.createElement('dd')];
        term.textContent = name;
        detail.textContent = Number.isInteger(value) ? formatCount(value) : formatNumber(value);
        row.append(term, detail);
        return row;
      }),
    );
  });
  return (
    <>
      <dl ref={list} className="statistics" aria-label={`Statistics of ${signal.path}`} />
      <Problem feed={feed} />
    </>
  );
}

function Distribution({ interest, signal }: Part) {
  const feed = useFeed(interest);
  const canvas = useRef<HTMLCanvasElement>(null);
  useReading(feed, (content) => {
    if (content.kind === 'histogram' && canvas.current !== null) drawHistogram(canvas.current, content.histogram, palette());
  });
  return (
    <>
      <canvas ref={canvas} className="distribution" role="img" aria-label={`Histogram of ${signal.path}`} />
      <Problem feed={feed} />
    </>
  );
}
