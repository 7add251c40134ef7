import { describe, expect, it } from 'vitest';
import type { InstanceRow, LiveEvent, SignalValue } from '../api/documents';
import { Feed } from './feed';
import { mergeInterests, signalKey } from './interest';
import { Logbook } from './logbook';
import { Ring } from './ring';
import type { Sink } from './stream';
import { LiveZoo } from './zoo';

const value = (parts: Partial<SignalValue>): SignalValue => ({
  key: null,
  instanceId: 'i',
  path: 'metrics.loss',
  timeline: 1,
  step: 1,
  time: '2026-01-01T00:00:00Z',
  scalar: null,
  text: null,
  statistics: null,
  histogram: null,
  tensor: null,
  overridden: false,
  dropped: 0,
  ...parts,
});

const row = (id: string, generation: number): InstanceRow => ({
  id,
  name: id,
  origin: 'LAUNCHED',
  phase: 'RUNNING',
  desiredPhase: 'RUNNING',
  stage: null,
  mode: { training: true, inference: true },
  trainable: null,
  stepsPerSecond: null,
  generation,
  observedGeneration: generation,
  acknowledgedAtStep: null,
  attempt: 1,
  timeline: 1,
  failure: null,
  modelName: 'Balancer',
  environment: null,
  environmentInstance: null,
  tags: [],
  createdAt: '2026-01-01T00:00:00Z',
  startedAt: null,
  endedAt: null,
  stats: { step: 0, episode: 0, stepsPerSecond: 0, episodeReturn: null, loss: null, updatedAt: null },
  previewPaths: [],
  viewerCan: [],
});

const event = (parts: Partial<LiveEvent>): LiveEvent => ({
  kind: 'UPDATE',
  cursor: '1',
  instances: [],
  environmentInstances: [],
  removedInstanceIds: [],
  values: [],
  events: [],
  logs: [],
  problems: [],
  ...parts,
});

const noPicture = () => Promise.reject(new Error('no picture here'));

describe('wishes', () => {
  const signal = { instanceId: 'i', path: 'env.frame', maxRate: 3, reduce: 'JPEG', maxSize: 200 } as const;

  it('for the same form of a signal share one request at the higher rate', () => {
    const { signals } = mergeInterests([{ signals: [signal] }, { signals: [{ ...signal, maxRate: 30 }] }, { signals: [{ ...signal, maxSize: 640 }] }]);

    expect(signals?.map(({ maxRate, maxSize }) => [maxRate, maxSize])).toEqual([
      [30, 200],
      [3, 640],
    ]);
  });

  it('are one input whatever their order', () => {
    const a = { instanceIds: ['a'], logs: ['x'] };
    const b = { instanceIds: ['b', 'a'], signals: [signal] };

    expect(mergeInterests([a, b])).toEqual(mergeInterests([b, a]));
    expect(mergeInterests([a, { roster: true }]).instanceIds).toBeNull();
  });
});

describe('a feed', () => {
  it('keeps scalars in order, each step once', () => {
    const feed = new Feed(noPicture, () => 0);
    [1, 2, 2, 1, 3].forEach((step) => feed.accept(value({ step, scalar: step })));
    feed.accept(value({ timeline: 2, step: 1, scalar: 'NaN' }));

    expect([...feed.scalars].map(({ timeline, step }) => [timeline, step])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 1],
    ]);
  });

  it('shows what cannot be read as a fault that names the signal', () => {
    const feed = new Feed(noPicture, () => 0);
    feed.accept(value({ path: 'action', tensor: { dtype: 'float32', shape: [1], encoding: 'RAW', data: '' } }));

    expect(feed.latest?.content).toEqual({ kind: 'fault', message: 'action: shape [1] of float32 needs 4 bytes, got 0' });
  });

  it('decodes one picture at a time and skips to the newest', async () => {
    const asked: ((bitmap: ImageBitmap) => void)[] = [];
    const feed = new Feed(
      () => new Promise((resolve) => asked.push(resolve)),
      () => 0,
    );
    const picture = (step: number) => feed.accept(value({ step, tensor: { dtype: 'uint8', shape: [1, 1, 3], encoding: 'JPEG', data: btoa('\xff\xd8') } }));
    const bitmap = { close: () => undefined } as ImageBitmap;
    picture(1);
    picture(2);
    picture(3);
    expect(asked).toHaveLength(1);
    asked[0]?.(bitmap);
    await Promise.resolve();
    await Promise.resolve();
    expect(asked).toHaveLength(2);
    asked[1]?.(bitmap);
    await Promise.resolve();
    await Promise.resolve();

    expect(feed.latest?.step).toBe(3);
  });
});

describe('a log book', () => {
  it('has each line once and in the order of time, though it comes twice', () => {
    const book = new Logbook();
    const line = (at: string, text: string) => ({ instanceId: 'i', at, stream: 'stdout', text });
    book.append([line('3', 'live')]);
    book.append([line('1', 'first'), line('2', 'second'), line('3', 'live')]);

    expect(book.lines.map(({ text }) => text)).toEqual(['first', 'second', 'live']);
    expect(book.append([line('3', 'live')])).toBe(false);
  });
});

describe('a ring', () => {
  it('forgets its oldest', () => {
    const ring = new Ring<number>(3);
    [1, 2, 3, 4, 5].forEach((item) => ring.push(item));

    expect([...ring]).toEqual([3, 4, 5]);
    expect(ring.last).toBe(5);
  });
});

describe('the live zoo', () => {
  function setUp() {
    let sink: Sink | undefined;
    const due: (() => void)[] = [];
    const live = new LiveZoo(
      (_, given) => {
        sink = given;
        return () => undefined;
      },
      { timers: { set: (callback) => due.push(callback), clear: () => undefined }, now: () => 0, decodePicture: noPicture },
    );
    return { live, send: (parts: Partial<LiveEvent>) => sink?.event(event(parts)), pass: () => due.splice(0).forEach((callback) => callback()) };
  }

  it('lists whom the snapshot names and follows who comes and goes', () => {
    const { live, send, pass } = setUp();
    live.watch({ roster: true });
    pass();
    send({ kind: 'SNAPSHOT', instances: [row('a', 1), row('b', 1)] });
    send({ instances: [row('c', 1)], removedInstanceIds: ['a'] });

    expect(live.roster.map(({ id }) => id)).toEqual(['b', 'c']);
  });

  it('hears of an event once though two streams tell it', () => {
    const { live, send, pass } = setUp();
    const heard: string[] = [];
    live.onEvent(({ id }) => heard.push(id));
    live.watch({ instanceIds: ['a'] });
    pass();
    const happened = { id: 'evt_1', at: '2026-01-01T00:00:00Z', kind: 'PAUSED', message: 'paused', step: 1, resourceId: 'a' };
    send({ kind: 'SNAPSHOT', events: [happened] });
    send({ kind: 'SNAPSHOT', events: [happened, { ...happened, id: 'evt_2' }] });

    expect(heard).toEqual(['evt_1', 'evt_2']);
  });

  it('keeps a deleted instance gone when an event that was on its way still shows it', () => {
    const { live, send, pass } = setUp();
    live.watch({ roster: true });
    pass();
    send({ kind: 'SNAPSHOT', instances: [row('a', 1), row('b', 1)] });
    live.forget('a');
    send({ instances: [row('a', 1)] });

    expect(live.roster.map(({ id }) => id)).toEqual(['b']);
  });

  it('never lets an event that was on its way undo the answer to a mutation', () => {
    const { live, send, pass } = setUp();
    live.watch({ instanceIds: ['a'] });
    pass();
    send({ kind: 'SNAPSHOT', instances: [row('a', 1)] });
    live.learn([row('a', 2)]);
    send({ instances: [row('a', 1)] });

    expect(live.instance('a')?.generation).toBe(2);
  });

  it('hands values to whoever watches that form of the signal, and problems too', () => {
    const { live, send, pass } = setUp();
    const signal = { instanceId: 'i', path: 'metrics.loss', maxRate: 5 };
    const release = live.watch({ signals: [signal] });
    const feed = live.feed(signal);
    let told = 0;
    live.on('feeds', () => (told += 1));
    pass();
    send({ values: [value({ key: signalKey(signal), scalar: 0.5 }), value({ key: 'another', scalar: 9 })] });
    expect(feed.latest?.content).toEqual({ kind: 'scalar', value: 0.5 });

    send({ problems: [{ key: signalKey(signal), instanceId: 'i', path: 'metrics.loss', code: 'NOT_FOUND', message: 'no such signal' }] });
    expect([feed.problem, told]).toEqual(['no such signal', 1]);

    release();
    expect(live.feed(signal)).not.toBe(feed);
  });
});
