/** Play, speed and the line of all steps, with what happened on it. */
import { useRef } from 'react';
import type { AnnotationRow } from '../../api/recordings';
import { FLAG, SPEEDS, type Clock } from '../../domain/recorded';
import { formatSeconds } from '../../domain/format';
import { useFrame } from '../../live/hooks';
import { Button, IconButton } from '../../ui/Button';
import { drawTimeline } from '../../ui/draw';
import { palette } from '../../ui/palette';
import type { Playback } from './playback';

interface Props {
  readonly clock: Clock;
  readonly playback: Playback;
  readonly notes: readonly AnnotationRow[];
}

export function Player({ clock, playback, notes }: Props) {
  const { head, playing, speed, toggle, setSpeed, seek, move } = playback;
  const range = useRef<HTMLInputElement>(null);
  const marks = useRef<HTMLCanvasElement>(null);
  const step = useRef<HTMLSpanElement>(null);
  const said = useRef<HTMLSpanElement>(null);
  const shown = useRef<number>(undefined);
  const painted = useRef('');

  useFrame(() => {
    const { row } = head;
    if (shown.current !== row) {
      shown.current = row;
      const text = `step ${clock.step(row).toLocaleString('en')}`;
      if (step.current !== null) step.current.textContent = text;
      if (said.current !== null) said.current.textContent = momentText(clock, row);
      if (range.current !== null) {
        range.current.value = String(row);
        range.current.setAttribute('aria-valuetext', text);
      }
    }
    const canvas = marks.current;
    const look = palette();
    const key = `${canvas?.clientWidth ?? 0} ${look.version} ${notes.length} ${clock.length}`;
    if (canvas === null || painted.current === key) return;
    painted.current = key;
    drawTimeline(canvas, clock, notes.map((note) => clock.rowOf(note.step, note.timeline)), look);
  });

  const driven = clock.spans(FLAG.driven).length > 0;
  const overridden = clock.spans(FLAG.overridden).length > 0;
  return (
    <section className="panel player" aria-label="Player">
      <p className="moment">
        <strong ref={step} />
        <span ref={said} className="soft small" />
      </p>
      <div className="player-line">
        <canvas ref={marks} aria-hidden="true" />
        <input ref={range} type="range" aria-label="Step" min={0} max={Math.max(0, clock.length - 1)} step={1} defaultValue={head.row} onChange={(event) => seek(Number(event.target.value))} />
      </div>
      <div className="control-row">
        <IconButton label="One step back" icon="stepback" onClick={() => move(-1)} />
        <Button tone="primary" icon={playing ? 'pause' : 'play'} onClick={toggle}>
          {playing ? 'Pause' : 'Play'}
        </Button>
        <IconButton label="One step on" icon="step" onClick={() => move(1)} />
        <select className="input speed" aria-label="Speed" value={speed} onChange={(event) => setSpeed(Number(event.target.value))}>
          {SPEEDS.map((each) => (
            <option key={each} value={each}>
              {each}×
            </option>
          ))}
        </select>
        {(driven || overridden || notes.length > 0) && (
          <p className="legend soft small" aria-hidden="true">
            {driven && <span data-mark="driven">driven by hand</span>}
            {overridden && <span data-mark="overridden">overridden</span>}
            {notes.length > 0 && <span data-mark="note">note</span>}
          </p>
        )}
      </div>
    </section>
  );
}

function momentText(clock: Clock, row: number): string {
  const several = clock.timeline(0) !== clock.timeline(clock.length - 1);
  return [
    formatSeconds(clock.at(row) / 1000),
    ...(several ? [`timeline ${clock.timeline(row)}`] : []),
    ...(clock.has(row, FLAG.first) ? ['an episode begins'] : []),
    ...(clock.has(row, FLAG.terminated) ? ['the episode ends'] : clock.has(row, FLAG.truncated) ? ['the episode is cut'] : []),
    ...(clock.has(row, FLAG.driven) ? ['driven by hand'] : []),
    ...(clock.has(row, FLAG.overridden) ? ['overridden'] : []),
  ].join(' · ');
}
