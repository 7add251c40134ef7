import { describe, expect, it } from 'vitest';
import { pathMatches, treeOf, type Branch } from './signaltree';

const signals = (...paths: string[]) => paths.map((path) => ({ path }));
const names = (branches: readonly Branch<unknown>[]): unknown[] => branches.map(({ name, branches: below }) => (below.length === 0 ? name : [name, ...names(below)]));

describe('signals as a tree', () => {
  it('branch at the dots of their paths and keep their order', () => {
    const tree = treeOf('weights', signals('weights.policy.0.weight', 'weights.policy.0.bias', 'weights.policy.2.weight', 'weights.value.bias'));

    expect(names(tree)).toEqual([['policy', ['0', 'weight', 'bias'], '2.weight'], 'value.bias']);
    expect(tree.map(({ count }) => count)).toEqual([3, 1]);
  });

  it('join what leads to one signal only, and name it by its whole path', () => {
    const [only] = treeOf('activations', signals('activations.encoder.conv1'));

    expect(only).toMatchObject({ name: 'encoder.conv1', path: 'activations.encoder.conv1', count: 1 });
  });

  it('keep a signal that has others below it', () => {
    const tree = treeOf('action', signals('action', 'action.move', 'action.jump'));
    const [layer] = treeOf('activations', signals('activations.net', 'activations.net.0'));

    expect(names(tree)).toEqual(['action', 'move', 'jump']);
    expect(layer).toMatchObject({ signal: { path: 'activations.net' }, count: 2 });
  });
});

describe('a search among paths', () => {
  it('wants every word, in any order and in any capitals', () => {
    expect(pathMatches('weights.policy.0.bias', 'BIAS policy')).toBe(true);
    expect(pathMatches('weights.policy.0.bias', 'bias value')).toBe(false);
    expect(pathMatches('weights.policy.0.bias', '')).toBe(true);
  });
});
