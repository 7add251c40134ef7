/** Signals by path, as a tree that is opened branch by branch. */

/** Where a path can begin, in the order in which people look: what it is given, what it does, what it is. */
export const ROOTS = ['inputs', 'outputs', 'action', 'env', 'metrics', 'activations', 'weights', 'state', 'agents'] as const;

export type Root = (typeof ROOTS)[number];

/** Every model has these and they are few: they come with the page. The others may be thousands and are asked for when opened. */
export const SHALLOW: readonly Root[] = ['inputs', 'outputs', 'action', 'env', 'metrics'];

const TITLES: Readonly<Record<Root, string>> = {
  inputs: 'What it perceives',
  outputs: 'What it proposes',
  action: 'What it does',
  env: 'Its world',
  metrics: 'Its progress',
  activations: 'Activations',
  weights: 'Weights',
  state: 'State',
  agents: 'Agents',
};

export function rootTitle(root: Root): string {
  return TITLES[root];
}

export interface Branch<S> {
  /** The part of the path that this branch adds: "encoder.conv1" where "encoder" has nothing else below it. */
  readonly name: string;
  readonly path: string;
  /** The signal at this very path. */
  readonly signal: S | undefined;
  readonly branches: readonly Branch<S>[];
  /** How many signals are at it and below. */
  readonly count: number;
}

/** The branches below `root`, in the order in which the signals come; parts that lead to one branch only are joined. */
export function treeOf<S extends { readonly path: string }>(root: string, signals: readonly S[]): readonly Branch<S>[] {
  const top: Growing<S> = { children: new Map() };
  for (const signal of signals) {
    const parts = signal.path === root ? [] : signal.path.slice(root.length + 1).split('.');
    let place = top;
    for (const part of parts) {
      let next = place.children.get(part);
      if (next === undefined) {
        next = { children: new Map() };
        place.children.set(part, next);
      }
      place = next;
    }
    place.signal = signal;
  }
  const below = branchesOf(root, top);
  return top.signal === undefined ? below : [{ name: root, path: root, signal: top.signal, branches: [], count: 1 }, ...below];
}

interface Growing<S> {
  signal?: S;
  readonly children: Map<string, Growing<S>>;
}

function branchesOf<S>(path: string, { children }: Growing<S>): readonly Branch<S>[] {
  return [...children].map(([name, child]) => joined({ name, path: `${path}.${name}`, signal: child.signal, branches: branchesOf(`${path}.${name}`, child), count: 0 }));
}

function joined<S>(branch: Branch<S>): Branch<S> {
  const [only, ...others] = branch.branches;
  if (branch.signal === undefined && only !== undefined && others.length === 0) return { ...only, name: `${branch.name}.${only.name}` };
  return { ...branch, count: (branch.signal === undefined ? 0 : 1) + branch.branches.reduce((sum, { count }) => sum + count, 0) };
}

/** Whether every word of `search` is somewhere in the path. */
export function pathMatches(path: string, search: string): boolean {
  const text = path.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
