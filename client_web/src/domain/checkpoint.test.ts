import { describe, expect, it } from 'vitest';
import { checkpointFacts, checkpointId, checkpointOffers, checkpointOrigin, olderFirst, picked, restoreTold, tagProblem, tagsByCommit, withNewest, type Checkpoint } from './checkpoint';
import type { Phase, Steerable } from './phase';

const checkpoint = (parts: Partial<Checkpoint> = {}): Checkpoint => ({
  id: 'chk_b2',
  tag: 'steady',
  commit: 'b2',
  parents: ['a1'],
  step: 1200,
  timeline: 2,
  createdAt: '2026-01-01T00:00:00Z',
  sizeBytes: 12_345,
  kind: 'ASKED',
  kept: true,
  ...parts,
});

describe('a checkpoint in words', () => {
  it('tells its step, timeline, age and size', () => {
    expect(checkpointFacts(checkpoint(), Date.parse('2026-01-01T00:03:00Z'))).toBe('step 1,200 · timeline 2 · 3 min ago · 12.3 kB');
  });

  it('tells why it is there where nobody asked for it, and whether it stays', () => {
    expect(checkpointOrigin(checkpoint())).toBeUndefined();
    expect(checkpointOrigin(checkpoint({ kind: 'AUTOSAVE', kept: false }))).toBe('saved by itself, until newer ones take its place');
    expect(checkpointOrigin(checkpoint({ kind: 'DEPARTURE' }))).toBe('saved when it had to leave');
    expect(checkpointOrigin(checkpoint({ kind: 'RECORDING' }))).toBe('a recording begins with it');
  });

  it('finds what another grew from by its commit', () => {
    const tags = tagsByCommit([checkpoint(), checkpoint({ tag: 'first', commit: 'a1' })]);
    expect(checkpoint().parents.map((commit) => tags.get(commit))).toEqual(['first']);
    expect(checkpointId('a1')).toBe('chk_a1');
  });
});

describe('what is offered', () => {
  const instance = (phase: Phase, parts: Partial<Steerable> = {}): Steerable => ({ phase, desiredPhase: 'RUNNING', viewerCan: ['CONTROL'], ...parts });

  it.each([
    ['RUNNING', true, true],
    ['PAUSED', true, true],
    ['STARTING', false, true],
    ['PENDING', false, true],
    ['STOPPING', false, false],
    ['TERMINATED', false, false],
    ['FAILED', false, false],
  ] as const)('while it is %s: save %s, restore %s', (phase, save, restore) => {
    expect(checkpointOffers(instance(phase))).toEqual({ save, restore });
  });

  it('is nothing for those who may only look, and nothing once it was told to end', () => {
    const nothing = { save: false, restore: false };
    expect(checkpointOffers(instance('RUNNING', { viewerCan: ['OBSERVE'] }))).toEqual(nothing);
    expect(checkpointOffers(instance('RUNNING', { desiredPhase: 'TERMINATED' }))).toEqual(nothing);
  });
});

describe('a tag', () => {
  it.each(['', 'steady', 'v1.2_final-3', 'größe'])('may be “%s”', (tag) => {
    expect(tagProblem(tag)).toBeUndefined();
  });

  it.each(['two words', 'a/b', 'what?', '-f', '.hidden', 'end.', 'a:b', 'a\\b'])('may not be “%s”', (tag) => {
    expect(tagProblem(tag)).toMatch(/^A tag /);
  });
});

describe('a list that grows', () => {
  const at = (id: string, second: number): Checkpoint => checkpoint({ id, createdAt: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z` });
  const ids = (list: readonly Checkpoint[]): readonly string[] => list.map(({ id }) => id);

  it('keeps what is older than the newest page', () => {
    const known = [at('c', 3), at('b', 2), at('a', 1)];
    expect(ids(withNewest(known, [at('d', 4), at('c', 3)], false))).toEqual(['d', 'c', 'b', 'a']);
  });

  it('drops what was deleted, on the page and where the page has everything', () => {
    const known = [at('c', 3), at('b', 2), at('a', 1)];
    expect(ids(withNewest(known, [at('d', 4), at('b', 2)], false))).toEqual(['d', 'b', 'a']);
    expect(ids(withNewest(known, [at('c', 3)], true))).toEqual(['c']);
    expect(withNewest(known, [], true)).toEqual([]);
  });
});

describe('two to compare', () => {
  const [a, b, c] = [1, 2, 3].map((second) => checkpoint({ id: `chk_${second}`, createdAt: `2026-01-01T00:00:0${second}Z` })) as [Checkpoint, Checkpoint, Checkpoint];

  it('are the last two that were picked, the older first', () => {
    expect(picked([], c)).toEqual([c]);
    expect(picked([c], a)).toEqual([c, a]);
    expect(picked([c, a], b)).toEqual([a, b]);
    expect(olderFirst([c, a])).toEqual([a, c]);
  });

  it('are one fewer when one is picked again', () => {
    expect(picked([c, a], c)).toEqual([a]);
  });
});

describe('a restore', () => {
  const event = (kind: string, message: string, second: number, step = 5) => ({ kind, message, step, at: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z` });

  it('is told with what was warned of at that time', () => {
    const happened = [event('WARNING', 'long ago', 0), event('RESTORED', 'before', 1), event('WARNING', 'a new episode starts', 28), event('RESTORED', 'goes on from step 5', 30), event('WARNING', 'later', 50)];
    expect(restoreTold(happened)).toEqual(['It goes on from step 5', 'a new episode starts']);
  });

  it('is told without a save that failed just before', () => {
    const happened = [event('WARNING', 'the state of step 9 has become no checkpoint', 28, 9), event('RESTORED', 'goes on from step 5', 30)];
    expect(restoreTold(happened)).toEqual(['It goes on from step 5']);
  });

  it('that was none is not told', () => {
    expect(restoreTold([event('WARNING', 'something else', 3)])).toEqual([]);
  });
});
