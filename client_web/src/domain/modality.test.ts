import { describe, expect, it } from 'vitest';
import { firstInput, parseInput } from './answer';
import { rangeOf } from './colour';
import { boundAt, choiceLabel, widgetOf, type Modality } from './modality';
import { heatRaster, imageRaster } from './raster';

function modality(parts: Partial<Modality>): Modality {
  return { name: 'm', kind: 'VECTOR', shape: [4], dtype: 'float32', low: null, high: null, neutral: null, labels: null, names: null, unit: null, ...parts };
}

describe('a modality is shown', () => {
  it.each([
    ['as bars while they can be told apart', modality({ shape: [4] }), 'bars'],
    ['as a heat map when there are many', modality({ shape: [16, 16] }), 'heat'],
    ['as a number when there is one', modality({ shape: [1] }), 'number'],
    ['as choices when it names them', modality({ kind: 'DISCRETE', shape: [], labels: ['left', 'right'] }), 'choice'],
    ['as choices when it counts them', modality({ kind: 'DISCRETE', shape: [], low: 0, high: 3 }), 'choice'],
    ['as a number when its choices are too many', modality({ kind: 'DISCRETE', shape: [], low: 0, high: 9999 }), 'number'],
    ['as text', modality({ kind: 'TEXT', shape: [] }), 'text'],
  ])('%s', (_, given, widget) => {
    expect(widgetOf(given)).toBe(widget);
  });

  it('with its labels, counted from its lowest value', () => {
    expect(choiceLabel(modality({ low: 5 }), 1)).toBe('6');
    expect(choiceLabel(modality({ labels: ['a', 'b'] }), 1)).toBe('b');
  });

  it('within its bounds unless they are none', () => {
    expect(boundAt([[1, 2]], 1)).toBe(2);
    expect(boundAt(3.4e38, 0)).toBeUndefined();
    expect(boundAt(null, 0)).toBeUndefined();
  });
});

describe('arrays as pictures', () => {
  it('take grey, colour, floats and either layout', () => {
    expect([...(imageRaster({ dtype: 'uint8', shape: [1, 1], values: [7] })?.rgba ?? [])]).toEqual([7, 7, 7, 255]);
    expect([...(imageRaster({ dtype: 'float32', shape: [3, 1, 1], values: [0, 0.5, 1] }, 'CHW')?.rgba ?? [])]).toEqual([0, 128, 255, 255]);
    expect(imageRaster({ dtype: 'uint8', shape: [2, 2, 9], values: [] })).toBeUndefined();
  });

  it('become heat maps, with values that are not finite in a colour of their own', () => {
    const { width, height, rgba } = heatRaster({ dtype: 'float32', shape: [1, 2], values: [0, NaN] });

    expect([width, height]).toEqual([2, 1]);
    expect([...rgba.slice(4)]).toEqual([255, 0, 200, 255]);
  });

  it('are scaled around zero when they have both signs', () => {
    expect(rangeOf([-1, 3])).toEqual({ low: -3, high: 3 });
    expect(rangeOf([2, 2])).toEqual({ low: 2, high: 3 });
    expect(rangeOf([NaN])).toEqual({ low: 0, high: 1 });
  });
});

describe('asking a model', () => {
  it('starts from the neutral value in the right shape', () => {
    expect(firstInput(modality({ shape: [2] }))).toBe('[0,0]');
    expect(firstInput(modality({ kind: 'TEXT', shape: [] }))).toBe('');
  });

  it('reads what was typed, or says what is wrong with it', () => {
    expect(parseInput(modality({}), '[1, 2, 3, 4]')).toEqual({ ok: true, value: [1, 2, 3, 4] });
    expect(parseInput(modality({}), '[1,').ok).toBe(false);
    expect(parseInput(modality({ kind: 'DISCRETE', shape: [] }), '1.5').ok).toBe(false);
  });
});
