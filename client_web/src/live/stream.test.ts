import { describe, expect, it } from 'vitest';
import type { LiveEvent, LiveInput } from '../api/documents';
import { Stream, type Sink, type StreamState } from './stream';

function event(kind: LiveEvent['kind'], cursor: string): LiveEvent {
  return { kind, cursor, instances: [], environmentInstances: [], removedInstanceIds: [], values: [], events: [], logs: [], problems: [] };
}

class FakeConnection {
  closed = false;
  constructor(
    readonly input: LiveInput,
    readonly sink: Sink,
  ) {}
}

/** A server and a clock in one: connections are listed, time moves when told to. */
function setUp() {
  const connections: FakeConnection[] = [];
  const events: string[] = [];
  const states: StreamState['kind'][] = [];
  let timers: { readonly at: number; readonly callback: () => void }[] = [];
  let now = 0;
  const stream = new Stream(
    (input, sink) => {
      const connection = new FakeConnection(input, sink);
      connections.push(connection);
      return () => (connection.closed = true);
    },
    ({ cursor }) => events.push(cursor),
    ({ kind }) => states.push(kind),
    {
      set: (callback, milliseconds) => {
        const timer = { at: now + milliseconds, callback };
        timers.push(timer);
        return timer;
      },
      clear: (handle) => (timers = timers.filter((timer) => timer !== handle)),
    },
  );
  const pass = (milliseconds: number): void => {
    now += milliseconds;
    const due = timers.filter((timer) => timer.at <= now);
    timers = timers.filter((timer) => timer.at > now);
    due.forEach(({ callback }) => callback());
  };
  const at = (i: number): FakeConnection => {
    const connection = connections.at(i);
    if (connection === undefined) throw new Error(`no connection ${i}`);
    return connection;
  };
  return { stream, connections, events, states, pass, at };
}

describe('the stream', () => {
  it('gathers wishes into one connection', () => {
    const { stream, connections, pass } = setUp();

    stream.want({ instanceIds: ['a'] });
    stream.want({ instanceIds: ['a', 'b'] });
    pass(100);

    expect(connections.map(({ input }) => input.instanceIds)).toEqual([['a', 'b']]);
  });

  it('makes the next connection before it breaks the old one', () => {
    const { stream, events, pass, at } = setUp();
    stream.want({ instanceIds: ['a'] });
    pass(100);
    at(0).sink.event(event('SNAPSHOT', '1'));

    stream.want({ instanceIds: ['b'] });
    pass(100);
    at(0).sink.event(event('UPDATE', '2'));
    expect(at(0).closed).toBe(false);
    expect(at(1).input.since).toBe('1');

    at(1).sink.event(event('SNAPSHOT', '3'));
    at(0).sink.event(event('UPDATE', '4'));
    expect(at(0).closed).toBe(true);
    expect(events).toEqual(['1', '2', '3']);
  });

  it('follows a rotation from the last cursor', () => {
    const { stream, pass, at } = setUp();
    stream.want({});
    pass(100);
    at(0).sink.event(event('SNAPSHOT', '1'));
    at(0).sink.event(event('ROTATE', '2'));
    at(0).sink.end(undefined);
    pass(0);

    expect(at(1).input.since).toBe('2');
  });

  it('stays live when a rotated stream ends after its successor was opened', () => {
    const { stream, states, connections, pass, at } = setUp();
    stream.want({});
    pass(100);
    at(0).sink.event(event('SNAPSHOT', '1'));
    at(0).sink.event(event('ROTATE', '2'));
    pass(0);
    at(0).sink.end(undefined);
    at(1).sink.event(event('SNAPSHOT', '3'));

    expect(states).toEqual(['opening', 'live']);
    pass(60_000);
    expect(connections).toHaveLength(2);
  });

  it('tries again after growing pauses, and says that it waits', () => {
    const { stream, states, connections, pass, at } = setUp();
    stream.want({});
    pass(100);
    at(-1).sink.end('broken');
    pass(399);
    expect(connections).toHaveLength(1);
    pass(1);
    at(-1).sink.end('broken');
    pass(799);
    expect(connections).toHaveLength(2);
    pass(1);
    at(-1).sink.event(event('SNAPSHOT', '1'));

    expect(connections).toHaveLength(3);
    expect(states).toEqual(['opening', 'waiting', 'waiting', 'live']);
  });

  it('continues from the last cursor however often the zoo cannot be reached', () => {
    const { stream, pass, at } = setUp();
    stream.want({});
    pass(100);
    at(0).sink.event(event('SNAPSHOT', '1'));
    at(0).sink.end('broken');
    for (let attempt = 0; attempt < 4; attempt++) {
      pass(15_000);
      at(-1).sink.end('broken');
    }
    pass(15_000);

    expect(at(-1).input.since).toBe('1');
  });

  it('starts afresh where the zoo does not read its cursor', () => {
    const { stream, pass, at } = setUp();
    stream.want({});
    pass(100);
    at(0).sink.event(event('SNAPSHOT', '1'));
    at(0).sink.end('broken');
    pass(15_000);
    at(-1).sink.end('since is no cursor', true);
    pass(15_000);

    expect(at(-1).input).toEqual({});
  });

  it('hears a rotated stream until the next one speaks, also when that takes several attempts', () => {
    const { stream, events, states, pass, at } = setUp();
    stream.want({});
    pass(100);
    at(0).sink.event(event('SNAPSHOT', '1'));
    at(0).sink.event(event('ROTATE', '2'));
    at(1).sink.end('refused');
    at(0).sink.event(event('UPDATE', '3'));
    pass(400);
    expect(at(2).input.since).toBe('3');
    at(0).sink.event(event('UPDATE', '4'));
    at(0).sink.end(undefined);
    at(2).sink.event(event('SNAPSHOT', '5'));

    expect(events).toEqual(['1', '2', '3', '4', '5']);
    expect(states).toEqual(['opening', 'live']);
  });

  it('lets go while nobody looks, and continues afterwards', () => {
    const { stream, connections, pass, at } = setUp();
    stream.want({});
    pass(100);
    at(0).sink.event(event('SNAPSHOT', '1'));

    stream.sleep();
    stream.want({ instanceIds: [] });
    pass(60_000);
    expect(at(0).closed).toBe(true);
    expect(connections).toHaveLength(1);

    stream.wake();
    pass(0);
    expect(at(1).input).toEqual({ instanceIds: [], since: '1' });
  });

  it('closes when nothing is wanted any more', () => {
    const { stream, pass, at } = setUp();
    stream.want({});
    pass(100);
    at(0).sink.event(event('SNAPSHOT', '1'));
    stream.want(undefined);
    pass(100);

    expect(at(0).closed).toBe(true);
    expect(stream.state.kind).toBe('idle');
  });
});
