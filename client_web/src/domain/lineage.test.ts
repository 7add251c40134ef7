import { describe, expect, it } from 'vitest';
import { lanesOf, lineageOf, type Grown, type LineageRow } from './lineage';

const grew = (commit: string, ...parents: string[]): Grown => ({ commit, parents });

/** Follows the lines as an eye would: for each place, the places that its lines lead to. */
function traced(rows: readonly LineageRow[]): readonly (readonly number[])[] {
  return rows.map(({ below }, place) =>
    below.map((begin) => {
      let lane = begin;
      for (let next = place + 1; next < rows.length; next += 1) {
        const row = rows[next];
        if (row?.lane === lane && row.grownFrom) return next;
        const through = row?.passing.find(({ from }) => from === lane);
        if (through === undefined) break;
        lane = through.to;
      }
      return NaN;
    }),
  );
}

/** The same numbers each time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A history of some size, the newest first: forks, several roots, merges, and parents that are not listed. */
function history(seed: number): readonly Grown[] {
  const next = chance(seed);
  const size = Math.floor(next() * 40);
  return Array.from({ length: size }, (_, age) => {
    const older = size - age - 1;
    const parents = Array.from({ length: next() < 0.1 ? 2 : next() < 0.9 ? 1 : 0 }, () => (next() < 0.15 ? `gone${Math.floor(next() * 3)}` : `c${Math.floor(next() * older)}`));
    return grew(`c${older}`, ...parents.filter((parent) => parent !== 'c0' || older > 0));
  });
}

describe('a lineage', () => {
  it('of one that never went back is one line', () => {
    expect(lineageOf([grew('c', 'b'), grew('b', 'a'), grew('a', 'code')])).toEqual([
      { lane: 0, grownFrom: false, passing: [], below: [0], loose: false },
      { lane: 0, grownFrom: true, passing: [], below: [0], loose: false },
      { lane: 0, grownFrom: true, passing: [], below: [], loose: true },
    ]);
  });

  it('forks where something went back', () => {
    const rows = lineageOf([grew('d', 'b'), grew('c', 'a'), grew('b', 'a'), grew('a')]);
    expect(rows.map(({ lane }) => lane)).toEqual([0, 1, 0, 0]);
    expect(traced(rows)).toEqual([[2], [3], [3], []]);
  });

  it('takes two lanes for many forks of one checkpoint', () => {
    const forks = Array.from({ length: 30 }, (_, number) => grew(`fork${number}`, 'root'));
    expect(lanesOf(lineageOf([...forks, grew('root')]))).toBe(2);
  });

  it('of several roots gives a lane back where one begins', () => {
    const rows = lineageOf([grew('b2', 'b1'), grew('a2', 'a1'), grew('b1', 'code'), grew('c1', 'code'), grew('a1', 'code')]);
    expect(rows.map(({ lane }) => lane)).toEqual([0, 1, 0, 0, 1]);
    expect(rows.map(({ loose }) => loose)).toEqual([false, false, true, true, true]);
  });

  it('draws what has two parents with two lines', () => {
    const rows = lineageOf([grew('m', 'b', 'a'), grew('b', 'a'), grew('a')]);
    expect(traced(rows)).toEqual([[1, 2], [2], []]);
  });

  it('counts what is listed above its child as not listed', () => {
    const [, child] = lineageOf([grew('parent'), grew('child', 'parent')]);
    expect(child).toMatchObject({ below: [], loose: true });
  });

  it('is nothing of nothing', () => {
    expect(lanesOf(lineageOf([]))).toBe(0);
  });
});

describe.each(Array.from({ length: 60 }, (_, seed) => seed))('of any history (%i)', (seed) => {
  const grown = history(seed);
  const rows = lineageOf(grown);
  const places = new Map(grown.map(({ commit }, place) => [commit, place]));

  it('each line leads from a checkpoint to what it grew from, and each of these has one', () => {
    const parents = grown.map(({ parents: all }, place) => [...new Set(all)].flatMap((commit) => places.get(commit) ?? []).filter((parent) => parent > place));
    expect(traced(rows)).toEqual(parents);
    expect(rows.map(({ loose }) => loose)).toEqual(grown.map(({ parents: all }, place) => new Set(all).size > (parents[place]?.length ?? 0)));
  });

  it('no two lines come in or leave on one lane, but where they meet', () => {
    rows.forEach(({ lane, passing, below }, place) => {
      const above = passing.map(({ from }) => from);
      expect(new Set([...above, lane]).size).toBe(above.length + 1);
      const after = new Set([...passing.map(({ to }) => to), ...below]);
      const next = rows[place + 1];
      const arriving = [...(next?.passing.map(({ from }) => from) ?? []), ...(next?.grownFrom === true ? [next.lane] : [])];
      expect([...after].sort()).toEqual(arriving.sort());
    });
  });

  it('the beginning alone makes a picture that is no wider', () => {
    const page = grown.slice(0, Math.ceil(grown.length / 2));
    expect(lanesOf(lineageOf(page))).toBeLessThanOrEqual(lanesOf(rows));
  });
});
