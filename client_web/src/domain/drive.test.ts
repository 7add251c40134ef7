import { describe, expect, it } from 'vitest';
import { choiceKeys, controllerOf, leaned, leanOf, neutralValue, padLean } from './drive';
import type { Modality } from './modality';

const modality = (parts: Partial<Modality>): Modality => ({ name: 'action', kind: 'VECTOR', shape: [2], dtype: 'float32', low: null, high: null, neutral: null, labels: null, names: null, unit: null, ...parts });

describe('what stands for an action', () => {
  it.each([
    [{ kind: 'DISCRETE', shape: [], low: 0, high: 1 }, { kind: 'buttons', labels: ['0', '1'], low: 0 }],
    [{ kind: 'DISCRETE', shape: [], low: 0, high: 60 }, undefined],
    [{ shape: [2] }, { kind: 'stick' }],
    [{ shape: [6] }, { kind: 'sliders', count: 6 }],
    [{ shape: [1] }, { kind: 'sliders', count: 1 }],
    [{ kind: 'SCALAR', shape: [] }, { kind: 'sliders', count: 1 }],
    [{ shape: [64, 64] }, undefined],
    [{ kind: 'TEXT', shape: [] }, { kind: 'text' }],
    [{ kind: 'IMAGE', shape: [8, 8, 3] }, undefined],
  ] as const)('follows its modality %o', (parts, controller) => {
    expect(controllerOf(modality(parts))).toEqual(controller);
  });
});

describe('the keys of a choice', () => {
  it('are the arrows and letters that its words name, and digits', () => {
    const keys = choiceKeys(['left', 'stay', 'right']);

    expect([keys.get('ArrowLeft'), keys.get('a'), keys.get('ArrowRight'), keys.get(' '), keys.get('3'), keys.get('ArrowUp')]).toEqual([0, 0, 2, 1, 2, undefined]);
  });

  it('are the two arrows where there are two choices without words', () => {
    const keys = choiceKeys(['0', '1']);

    expect([keys.get('ArrowLeft'), keys.get('ArrowRight')]).toEqual([0, 1]);
  });
});

describe('a stick', () => {
  it('leans as far as the bounds go, on either side of where it rests', () => {
    const gas = modality({ low: [-1, 0], high: [1, 5] });

    expect([leaned(gas, 0, -1), leaned(gas, 0, 0.5), leaned(gas, 1, 1), leaned(gas, 1, -1)]).toEqual([-1, 0.5, 5, 0]);
    expect(neutralValue(gas)).toEqual([0, 0]);
    expect(neutralValue(modality({ low: [2, 2], high: [4, 4] }))).toEqual([2, 2]);
  });

  it('follows the keys that are held, of which opposite ones cancel', () => {
    expect(leanOf(['ArrowLeft', 'w'])).toEqual({ x: -1, y: 1 });
    expect(leanOf(['ArrowLeft', 'd'])).toEqual({ x: 0, y: 0 });
    expect(leanOf(['q'])).toBeUndefined();
  });

  it('stays within its circle, and in the middle near the middle', () => {
    expect(padLean(30, 40, 25)).toEqual({ x: 0.6, y: -0.8 });
    expect(padLean(1, 1, 50)).toEqual({ x: 0, y: 0 });
    expect(padLean(0, -25, 50)).toEqual({ x: 0, y: 0.5 });
  });
});

describe('what drives while no hand is at it', () => {
  it('is one number for each component', () => {
    expect(neutralValue(modality({ neutral: 0.5 }))).toEqual([0.5, 0.5]);
  });

  it('is what the action calls neutral, and nothing for a choice without that', () => {
    expect(neutralValue(modality({ kind: 'DISCRETE', shape: [], low: 0, high: 2, neutral: 1 }))).toBe(1);
    expect(neutralValue(modality({ kind: 'DISCRETE', shape: [], low: 0, high: 2 }))).toBeUndefined();
  });
});
