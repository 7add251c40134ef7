import { describe, expect, it } from 'vitest';
import { Clock, FLAG, Playhead, type Rows } from './recorded';
import { Track } from './track';

/** One step every 100 ms. */
function flags(steps: readonly number[], parts: { timelines?: readonly number[]; times?: readonly number[]; values?: readonly number[] } = {}): Rows {
  return { steps, timelines: parts.timelines ?? steps.map(() => 1), times: parts.times ?? steps.map((_, i) => 1000 + i * 100), values: parts.values ?? steps.map(() => 0) };
}

const hundred = new Clock(flags(Array.from({ length: 100 }, (_, i) => 500 + i)));

describe('the clock of a recording', () => {
  it('finds each row again, by its step and by when it was', () => {
    for (let row = 0; row < hundred.length; row++) {
      expect(hundred.rowOf(hundred.step(row))).toBe(row);
      expect(hundred.rowAt(hundred.at(row))).toBe(row);
      expect(hundred.rowAt(hundred.at(row) + 99)).toBe(row);
    }
    expect([hundred.rowAt(-5), hundred.rowAt(1e9), hundred.rowOf(1e9), hundred.rowOf(0)]).toEqual([0, 99, 99, 0]);
  });

  it('does not sit through pauses', () => {
    const clock = new Clock(flags([1, 2, 3], { times: [0, 100, 3_600_100] }));

    expect(clock.at(2)).toBe(1100);
  });

  it('keeps apart what was done again on a later timeline', () => {
    const clock = new Clock(flags([1, 2, 3, 2, 3, 4], { timelines: [1, 1, 1, 2, 2, 2] }));

    expect([clock.rowOf(3), clock.rowOf(3, 1), clock.rowOf(4)]).toEqual([4, 2, 5]);
    expect(clock.runs({ from: 0, to: 6 })).toEqual([{ from: 0, to: 3 }, { from: 3, to: 6 }]);
    expect(clock.runs({ from: 2, to: 3 })).toEqual([{ from: 2, to: 3 }]);
  });

  it('tells where somebody drove', () => {
    const clock = new Clock(flags([1, 2, 3, 4, 5], { values: [FLAG.first, FLAG.driven, FLAG.driven | FLAG.overridden, 0, FLAG.driven] }));

    expect(clock.spans(FLAG.driven)).toEqual([{ from: 1, to: 3 }, { from: 4, to: 5 }]);
    expect(clock.spans(FLAG.truncated)).toEqual([]);
  });
});

describe('the playhead', () => {
  it('moves as fast as it was, or as fast as one likes, and stops at the end', () => {
    const head = new Playhead(hundred);
    head.play();
    head.tick(0);
    head.tick(1000);
    expect(head.row).toBe(10);
    head.setSpeed(4);
    head.tick(2000);
    expect(head.row).toBe(50);
    expect(head.tick(9000)).toBe(true);
    expect([head.row, head.playing]).toEqual([99, false]);
    head.play();
    expect(head.row).toBe(0);
  });

  it('stands while what it is to show is awaited, and while it is paused', () => {
    const head = new Playhead(hundred);
    head.play();
    head.tick(0);
    expect(head.tick(5000, true)).toBe(false);
    head.tick(5100);
    expect(head.row).toBe(1);
    head.pause();
    expect(head.tick(9000)).toBe(false);
  });

  it('is set to any row and no other', () => {
    const head = new Playhead(hundred);
    head.seek(1000);
    expect(head.row).toBe(99);
    head.seek(-1);
    expect(head.row).toBe(0);
    head.seek(50);
    head.skip(-2);
    expect(head.row).toBe(30);
  });
});

describe('a track', () => {
  const channel = { path: 'inputs.place', dtype: 'float32', shape: [2], kind: 'vector' } as const;
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

  it('reads a window around where it is looked at, once, and knows where the signal was absent', async () => {
    const asked: unknown[] = [];
    const track = new Track(channel, hundred, (...question) => {
      asked.push(question);
      return Promise.resolve({ ...flags([500, 502]), values: Float32Array.of(1, 2, 3, 4) });
    });
    expect(track.at(0)).toBeUndefined();
    track.at(5);
    await settle();

    expect(asked).toEqual([['inputs.place', 500, 599, 1]]);
    expect(track.at(2)).toMatchObject({ kind: 'array', array: { values: Float32Array.of(3, 4), shape: [2] } });
    expect(track.at(1)).toEqual({ kind: 'absent' });
    expect([...(track.line(0, 1) ?? [])].slice(0, 3)).toEqual([2, NaN, 4]);
  });

  it('reads pictures one by one, and the next ones before they are reached', () => {
    const asked: unknown[] = [];
    const track = new Track({ path: 'env.frame', dtype: 'uint8', shape: [600, 400, 3], kind: 'image' }, hundred, (_, from, to) => {
      asked.push([from, to]);
      return Promise.resolve(flags([]));
    });
    track.at(20);
    track.foresee(20);
    track.foresee(99);

    expect(asked).toEqual([[520, 520], [521, 521], [522, 522], [523, 523]]);
  });

  it('asks for each timeline of a window by itself', async () => {
    const clock = new Clock(flags([1, 2, 3, 2, 3, 4], { timelines: [1, 1, 1, 2, 2, 2] }));
    const track = new Track({ ...channel, shape: [] }, clock, (_, from, to, timeline) =>
      Promise.resolve({ ...flags(Array.from({ length: to - from + 1 }, (_unused, i) => from + i)), values: Array.from({ length: to - from + 1 }, (_unused, i) => timeline * 10 + from + i) }),
    );
    track.at(0);
    await settle();

    expect([...(track.line(0, 0) ?? [])]).toEqual([11, 12, 13, 22, 23, 24]);
  });

  it('says why a part cannot be read, and goes on with the others', async () => {
    const track = new Track({ ...channel, shape: [600, 400, 3] }, hundred, (_, from) => (from === 500 ? Promise.reject(new Error('segment 3 is damaged')) : Promise.resolve(flags([599]))));
    track.at(0);
    track.at(16);
    await settle();

    expect([track.problem(0), track.problem(16)]).toEqual(['segment 3 is damaged', undefined]);
    expect(track.at(0)).toBeUndefined();
    expect(track.at(16)).toEqual({ kind: 'absent' });
  });
});
