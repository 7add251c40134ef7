/** One recorded signal: its value at the step that is looked at, and its course around it. */
import { useEffect, useRef } from 'react';
import { layoutOf, modalityOf } from '../../domain/channel';
import { formatNumber } from '../../domain/format';
import { choiceCount, choiceLabel, componentName, sizeOf, widgetOf, type Modality } from '../../domain/modality';
import { heatRaster, imageRaster } from '../../domain/raster';
import { elementsOf, type Clock, type Playhead } from '../../domain/recorded';
import type { Moment, Track } from '../../domain/track';
import { useFrame } from '../../live/hooks';
import { BAR_HEIGHT, drawBars, drawCourse, drawRaster } from '../../ui/draw';
import { palette } from '../../ui/palette';
import { modalityText } from '../signal/SignalView';

interface Props {
  readonly track: Track;
  readonly clock: Clock;
  readonly head: Playhead;
  /** What the instance still knows of the signal. */
  readonly known: Modality | undefined;
  readonly onSeek: (row: number) => void;
}

export function TrackView({ track, clock, head, known, onSeek }: Props) {
  const { channel } = track;
  const modality = modalityOf(channel, known);
  const lines = channel.kind === 'scalar' || (channel.kind === 'vector' && elementsOf(channel) <= MOST_LINES);
  return (
    <figure className="panel track" data-path={channel.path} data-kind={channel.kind}>
      <figcaption>
        <span className="mono">{channel.path}</span>
        <span className="soft small">{modalityText(modality)}</span>
      </figcaption>
      <Value track={track} head={head} modality={modality} />
      {lines && <Course track={track} clock={clock} head={head} modality={modality} onSeek={onSeek} />}
    </figure>
  );
}

const MOST_LINES = 4;

function Value({ track, head, modality }: Pick<Props, 'track' | 'head'> & { readonly modality: Modality }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const text = useRef<HTMLPreElement>(null);
  const note = useRef<HTMLParagraphElement>(null);
  const shown = useRef('');
  const widget = widgetOf(modality);
  const seen = useRef(1e-6);
  useEffect(() => {
    shown.current = '';
  }, [modality]);
  useFrame(() => {
    const { row } = head;
    const look = palette();
    const key = `${row} ${track.version} ${look.version} ${canvas.current?.clientWidth ?? 0}`;
    if (shown.current === key) return;
    shown.current = key;
    const moment = track.at(row);
    if (note.current !== null) note.current.textContent = noteOf(track, row, moment);
    if (moment === undefined) return;
    if (text.current !== null) text.current.textContent = wordsOf(moment, modality);
    if (canvas.current === null || moment.kind !== 'array') return;
    if (widget === 'image') drawRaster(canvas.current, imageRaster(moment.array, layoutOf(track.channel)) ?? heatRaster(moment.array));
    else if (widget === 'heat') drawRaster(canvas.current, heatRaster(moment.array));
    else {
      seen.current = Math.max(seen.current, ...Array.from(moment.array.values, Math.abs).filter(Number.isFinite));
      drawBars(canvas.current, moment.array.values, modality, seen.current, look);
    }
  });
  return (
    <>
      {widget === 'image' && <canvas ref={canvas} className="track-picture" role="img" aria-label={`Picture of ${track.channel.path} at this step`} width={1} height={1} />}
      {widget === 'heat' && <canvas ref={canvas} className="heat" role="img" aria-label={`Values of ${track.channel.path} as a heat map`} />}
      {widget === 'bars' && <canvas ref={canvas} className="bars" role="img" aria-label={`Values of ${track.channel.path} as bars`} style={{ height: sizeOf(modality.shape) * BAR_HEIGHT }} />}
      {(widget === 'number' || widget === 'choice' || widget === 'text') && <pre ref={text} className={widget === 'text' ? 'value-text' : 'track-number'} />}
      <p ref={note} className="soft small track-note" />
    </>
  );
}

function noteOf(track: Track, row: number, moment: Moment | undefined): string {
  if (moment === undefined) return track.problem(row) ?? 'reading…';
  return moment.kind === 'absent' ? 'It had no value at this step.' : '';
}

function wordsOf(moment: Moment, modality: Modality): string {
  if (moment.kind === 'text') return moment.text;
  if (moment.kind === 'absent') return '–';
  const value = moment.array.values[0];
  const low = typeof modality.low === 'number' ? modality.low : 0;
  if (modality.kind === 'DISCRETE' && choiceCount(modality) !== undefined && value !== undefined) return choiceLabel(modality, value - low);
  return formatNumber(value);
}

function Course({ track, clock, head, modality, onSeek }: Omit<Props, 'known'> & { readonly modality: Modality }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = useRef('');
  const count = elementsOf(track.channel);
  useFrame(() => {
    const { row } = head;
    const look = palette();
    const key = `${row} ${track.version} ${look.version} ${canvas.current?.clientWidth ?? 0}`;
    if (shown.current === key || canvas.current === null) return;
    shown.current = key;
    const lines = Array.from({ length: count }, (_, i) => track.line(row, i)).filter((line) => line !== undefined);
    if (lines.length < count) return;
    const { from, to } = track.span(row);
    drawCourse(canvas.current, lines, { at: row - from, first: clock.step(from), last: clock.step(to - 1) }, look);
  });
  return (
    <>
      <canvas
        ref={canvas}
        className="course"
        role="img"
        aria-label={`Course of ${track.channel.path}`}
        onPointerDown={(event) => {
          const { from, to } = track.span(head.row);
          const { left, width } = event.currentTarget.getBoundingClientRect();
          onSeek(from + ((event.clientX - left) / width) * (to - 1 - from));
        }}
      />
      {count > 1 && (
        <p className="legend small" aria-hidden="true">
          {Array.from({ length: count }, (_, i) => (
            <span key={i} data-series={i + 1}>
              {componentName(modality, i)}
            </span>
          ))}
        </p>
      )}
    </>
  );
}
