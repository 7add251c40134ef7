/** A lineage as a picture: on which lane each checkpoint stands, which lines run past it, and where its own lines turn. */

export interface Grown {
  readonly commit: string;
  /** Commits of what it grew from. */
  readonly parents: readonly string[];
}

export interface Passing {
  readonly from: number;
  readonly to: number;
}

export interface LineageRow {
  /** 0 is the leftmost. */
  readonly lane: number;
  /** Whether something above has grown from it. */
  readonly grownFrom: boolean;
  /** Lines that run past, from the lane at the upper edge to the lane at the lower one. */
  readonly passing: readonly Passing[];
  /** Lanes on which its own lines go on, one for each parent further down. */
  readonly below: readonly number[];
  /** Whether it grew from something that is not further down: older than this page, gone, or the model's code. */
  readonly loose: boolean;
}

/**
 * `grown`: the newest first. Whatever awaits the same parent shares a lane, so that many forks of one checkpoint take two
 * lanes and not many; where two lines meet, they go on at the left. What is listed before its own child, as unequal clocks
 * can make it, counts as not listed.
 */
export function lineageOf(grown: readonly Grown[]): readonly LineageRow[] {
  const places = new Map(grown.map(({ commit }, place) => [commit, place]));
  /** For each lane the place that its line leads to. */
  const awaited: (number | undefined)[] = [];
  const free = (): number => {
    const gap = awaited.indexOf(undefined);
    return gap === -1 ? awaited.length : gap;
  };

  return grown.map(({ parents }, place) => {
    const waiting = awaited.indexOf(place);
    const lane = waiting === -1 ? free() : waiting;
    awaited[lane] = undefined;
    const passing = new Map(awaited.flatMap((target, other) => (target === undefined ? [] : [[other, other]])));
    const listed = [...new Set(parents.map((commit) => places.get(commit)))].filter((parent) => parent !== undefined && parent > place);
    const below = listed.map((parent) => {
      const shared = awaited.indexOf(parent);
      const own = awaited[lane] === undefined ? lane : shared === -1 ? free() : shared;
      if (shared !== -1 && shared <= own) return shared;
      if (shared !== -1) {
        passing.set(shared, own);
        awaited[shared] = undefined;
      }
      awaited[own] = parent;
      return own;
    });
    return { lane, grownFrom: waiting !== -1, passing: Array.from(passing, ([from, to]) => ({ from, to })), below, loose: listed.length < new Set(parents).size };
  });
}

/** How many lanes the picture is wide. */
export function lanesOf(rows: readonly LineageRow[]): number {
  return rows.reduce((most, { lane, passing, below }) => Math.max(most, lane + 1, ...passing.map(({ from }) => from + 1), ...below.map((other) => other + 1)), 0);
}
