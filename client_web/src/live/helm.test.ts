import { describe, expect, it } from 'vitest';
import { Helm, HEARTBEAT_MS, type Heard, type HelmState, type Values } from './helm';

/** A clock that stands until it is moved, and a zoo that answers when it is told to. */
function world() {
  let now = 0;
  let pending: { at: number; callback: () => void } | undefined;
  const said: { values: Values; sequence: number; answer: (heard: Heard) => void }[] = [];
  const states: HelmState[] = [];
  const helm = new Helm(
    (values, sequence) => new Promise((answer) => said.push({ values, sequence, answer })),
    (state) => states.push(state),
    {
      set: (callback, milliseconds) => (pending = { at: now + milliseconds, callback }),
      clear: (handle) => {
        if (pending === handle) pending = undefined;
      },
    },
    () => now,
    { action: 0 },
  );
  return {
    helm,
    said,
    states,
    pass: (milliseconds: number) => {
      const end = now + milliseconds;
      while (pending !== undefined && pending.at <= end) {
        const { at, callback } = pending;
        pending = undefined;
        now = at;
        callback();
      }
      now = end;
    },
    answer: async (index: number, heard: Heard = { kind: 'heard', step: 7 }) => {
      said[index]?.answer(heard);
      await Promise.resolve();
    },
  };
}

describe('the helm', () => {
  it('says at once what the hands begin with, and ten times a second that it is there', async () => {
    const { said, pass, answer } = world();
    for (let i = 0; i < 10; i++) {
      await answer(i);
      pass(HEARTBEAT_MS);
    }

    expect(said.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(said.map(({ values }) => values)).toEqual([{ action: 0 }, ...Array.from({ length: 10 }, () => ({}))]);
  });

  it('says a change within 30 ms, however many there are, and the newest of them', async () => {
    const { helm, said, pass, answer } = world();
    await answer(0);
    pass(10);
    helm.steer({ action: 1 });
    helm.steer({ action: 2 });
    pass(20);

    expect(said.map(({ values }) => values.action)).toEqual([0, 2]);
  });

  it('has at most two words on their way, says the newest when one was obeyed, and its heart beats all the while', async () => {
    const { helm, said, pass, answer } = world();
    helm.steer({ action: 1 });
    pass(30);
    helm.steer({ action: 2 });
    helm.steer({ action: 3 });
    pass(HEARTBEAT_MS);
    expect(said.map(({ values }) => values)).toEqual([{ action: 0 }, { action: 1 }, {}]);

    await answer(0);
    pass(30);
    expect(said.at(-1)?.values).toEqual({ action: 3 });
  });

  it('has at most two heartbeats on their way', () => {
    const { said, pass } = world();
    pass(20 * HEARTBEAT_MS);

    expect(said).toHaveLength(3);
  });

  it('tells where it was obeyed and how long that took', async () => {
    const { states, pass, answer } = world();
    pass(12);
    await answer(0, { kind: 'heard', step: 41 });
    pass(HEARTBEAT_MS);
    await answer(1, { kind: 'heard', step: null });

    expect(states).toEqual(Array.from({ length: 2 }, () => ({ kind: 'driving', step: 41, delayMs: 12, message: undefined })));
  });

  it('tells of a word that was obeyed after later heartbeats were answered', async () => {
    const { states, pass, answer } = world();
    pass(HEARTBEAT_MS);
    await answer(1, { kind: 'heard', step: null });
    await answer(0, { kind: 'heard', step: 41 });

    expect(states.at(-1)).toMatchObject({ step: 41, delayMs: HEARTBEAT_MS });
  });

  it('says again what was not heard, and that it was not', async () => {
    const { said, states, pass, answer } = world();
    await answer(0, { kind: 'unheard', message: 'nobody there' });
    pass(HEARTBEAT_MS);
    expect(states.at(-1)).toMatchObject({ kind: 'unheard', message: 'nobody there' });
    await answer(1);

    expect(said.map(({ values }) => values)).toEqual([{ action: 0 }, { action: 0 }]);
    expect(states.at(-1)).toMatchObject({ kind: 'driving', message: undefined });
  });

  it('falls silent for good when its lease is over, and when it is stopped', async () => {
    const taken = world();
    await taken.answer(0, { kind: 'refused', message: 'Ada drives it' });
    taken.helm.steer({ action: 1 });
    taken.pass(10 * HEARTBEAT_MS);
    expect(taken.said).toHaveLength(1);
    expect(taken.states).toMatchObject([{ kind: 'over', message: 'Ada drives it' }]);

    const stopped = world();
    stopped.helm.stop();
    await stopped.answer(0);
    stopped.pass(10 * HEARTBEAT_MS);
    expect(stopped.said).toHaveLength(1);
    expect(stopped.states).toEqual([]);
  });
});
