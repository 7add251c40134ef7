/** The play of a recording: moved by the frame loop, by hand and by key, and told to the address of the page. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useSearchParams } from 'wouter';
import { Playhead, type Clock } from '../../domain/recorded';
import type { Track } from '../../domain/track';
import { useFrame } from '../../live/hooks';
import { useShortcuts } from '../../ui/shortcuts';

export interface Playback {
  readonly head: Playhead;
  readonly playing: boolean;
  readonly speed: number;
  readonly toggle: () => void;
  readonly setSpeed: (speed: number) => void;
  /** To a row; the play stops there. */
  readonly seek: (row: number) => void;
  /** By rows. */
  readonly move: (rows: number) => void;
}

const TOLD_AFTER_MS = 400;

export function usePlayback(clock: Clock, tracks: readonly Track[]): Playback {
  const [query, setQuery] = useSearchParams();
  const [head] = useState(() => {
    const first = new Playhead(clock);
    const step = query.get('step');
    const timeline = query.get('timeline');
    if (step !== null) first.seek(clock.rowOf(Number(step), timeline === null ? undefined : Number(timeline)));
    return first;
  });
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeedState] = useState(1);
  const [told, setTold] = useState(head.row);
  const drawn = useRef(false);

  useFrame((now) => {
    // What is on its way is waited for, so that the play shows what it says.
    const waiting = tracks.some((track) => track.at(head.row) === undefined && track.problem(head.row) === undefined);
    head.tick(now, waiting);
    if (head.playing) tracks.forEach((track) => track.foresee(head.row));
    if (head.playing !== drawn.current) {
      drawn.current = head.playing;
      setPlaying(head.playing);
    }
  });

  const settle = useCallback(() => {
    setPlaying(head.playing);
    if (!head.playing) setTold(head.row);
  }, [head]);
  const seek = useCallback(
    (row: number) => {
      head.pause();
      head.seek(row);
      settle();
    },
    [head, settle],
  );
  const move = useCallback((rows: number) => seek(head.row + rows), [head, seek]);
  const toggle = useCallback(() => {
    if (head.playing) head.pause();
    else head.play();
    settle();
  }, [head, settle]);
  const setSpeed = useCallback(
    (next: number) => {
      head.setSpeed(next);
      setSpeedState(next);
    },
    [head],
  );
  const skip = useCallback(
    (seconds: number) => {
      head.pause();
      head.skip(seconds);
      settle();
    },
    [head, settle],
  );

  useShortcuts({
    ' ': toggle,
    ArrowLeft: () => move(-1),
    ArrowRight: () => move(1),
    'Shift+ArrowLeft': () => skip(-1),
    'Shift+ArrowRight': () => skip(1),
    Home: () => seek(0),
    End: () => seek(clock.length - 1),
  });

  // A moment that somebody looks at can be shared by its address.
  useEffect(() => {
    const timer = setTimeout(() => {
      const [step, timeline] = [String(clock.step(told)), String(clock.timeline(told))];
      setQuery(
        (before) => {
          if (told === 0 && !before.has('step')) return before;
          before.set('step', step);
          if (clock.timeline(clock.length - 1) !== clock.timeline(0)) before.set('timeline', timeline);
          return before;
        },
        { replace: true },
      );
    }, TOLD_AFTER_MS);
    return () => clearTimeout(timer);
  }, [told, clock, setQuery]);

  return useMemo(() => ({ head, playing, speed, toggle, setSpeed, seek, move }), [head, playing, speed, toggle, setSpeed, seek, move]);
}
