import { describe, expect, it } from 'vitest';
import type { Modality } from './modality';
import { expiryText, firstOverride, rangeOfComponent, readOverride, rulesFor, standingText, valueForm, type OverrideDraft } from './override';

const modality = (parts: Partial<Modality>): Modality => ({ name: 'x', kind: 'VECTOR', shape: [3], dtype: 'float32', low: null, high: null, neutral: null, labels: null, names: null, unit: null, ...parts });
const steering = modality({ low: [-1, -1, 0], high: [1, 1, 1], names: ['yaw', 'pitch', 'gas'] });
const move = modality({ kind: 'DISCRETE', shape: [], dtype: 'int64', low: 0, high: 2, labels: ['left', 'stay', 'right'] });
const layer = modality({ shape: [64, 4] });
const right = modality({ kind: 'SCALAR', shape: [], low: 0, high: 1 });

const wished = (about: Modality, parts: Partial<OverrideDraft>) => readOverride(about, { ...firstOverride(about, undefined), ...parts });

describe('the rules on offer', () => {
  it('are all for what is continuous, and one for what is chosen or written', () => {
    expect(rulesFor(right, false)).toEqual(['SET', 'CLAMP', 'SCALE', 'BLEND']);
    expect(rulesFor(move, false)).toEqual(['SET']);
    expect(rulesFor(modality({ kind: 'TEXT' }), true)).toEqual(['SET', 'PATCH']);
  });
});

describe('the form', () => {
  it('has a field for each of a few components, one for many, and a choice where there is one', () => {
    expect(valueForm(steering)).toEqual({ kind: 'components', count: 3 });
    expect(valueForm(layer)).toEqual({ kind: 'uniform' });
    expect(valueForm(move)).toEqual({ kind: 'choice', labels: ['left', 'stay', 'right'], low: 0 });
  });

  it('begins with the newest values, else with what is neutral and within bounds', () => {
    expect(firstOverride(steering, [0.25, -0.5, 1]).values).toEqual(['0.25', '-0.5', '1']);
    expect(firstOverride(modality({ shape: [1], low: 2, high: 4 }), undefined).values).toEqual(['2']);
    expect(firstOverride(modality({ kind: 'SCALAR', shape: [], neutral: 0.5 }), undefined).values).toEqual(['0.5']);
  });

  it('moves sliders within the bounds, in whole steps where only they are meant', () => {
    expect(rangeOfComponent(steering, 2)).toEqual({ low: 0, high: 1, step: 0.001 });
    expect(rangeOfComponent(move, 0)).toEqual({ low: 0, high: 2, step: 1 });
    expect(rangeOfComponent(layer, 0)).toBeUndefined();
  });
});

describe('what is asked for', () => {
  it('has the shape of the signal, or is one number for all of it', () => {
    expect(wished(steering, { values: ['0.1', '0.2', '0.3'] })).toEqual({ ok: true, wish: { rule: 'SET', value: [0.1, 0.2, 0.3] } });
    expect(wished(modality({ shape: [2, 2] }), { values: ['1', '2', '3', '4'] })).toEqual({ ok: true, wish: { rule: 'SET', value: [[1, 2], [3, 4]] } });
    expect(wished(layer, { values: ['7'] })).toEqual({ ok: true, wish: { rule: 'SET', value: 7 } });
    expect(wished(right, { values: ['1'] })).toEqual({ ok: true, wish: { rule: 'SET', value: 1 } });
    expect(wished(move, { values: ['2'] })).toEqual({ ok: true, wish: { rule: 'SET', value: 2 } });
  });

  it('can be one element, named by its place on each axis', () => {
    expect(wished(layer, { whole: false, index: '63, 0', values: ['5'] })).toEqual({ ok: true, wish: { rule: 'SET', value: 5, index: [63, 0] } });
    expect(wished(layer, { whole: false, index: '64, 0' })).toMatchObject({ ok: false, errors: { index: expect.stringContaining('64 × 4') as string } });
    expect(wished(steering, { whole: false, index: '1, 1' })).toMatchObject({ ok: false });
  });

  it('says at each field what is wrong there', () => {
    expect(wished(steering, { values: ['a', '0', ''] })).toMatchObject({ ok: false, errors: { 'value.0': '“a” is not a number', 'value.2': '“” is not a number' } });
    expect(wished(right, { rule: 'CLAMP', low: '1', high: '0' })).toMatchObject({ ok: false, errors: { high: '0 is below 1' } });
    expect(wished(right, { rule: 'BLEND', weight: '1.5' })).toMatchObject({ ok: false, errors: { weight: expect.any(String) as string } });
    expect(wished(right, { expiry: 'steps', duration: '1.5' })).toMatchObject({ ok: false, errors: { duration: 'Steps are whole numbers' } });
  });

  it('lets nothing pass that is not finite unless that is allowed', () => {
    expect(wished(right, { values: ['inf'] })).toMatchObject({ ok: false });
    expect(wished(right, { values: ['-inf'], nonFinite: true })).toEqual({ ok: true, wish: { rule: 'SET', value: '-Infinity', allowNonFinite: true } });
    expect(wished(right, { values: ['nan'], nonFinite: true })).toEqual({ ok: true, wish: { rule: 'SET', value: 'NaN', allowNonFinite: true } });
  });

  it('ends after seconds or steps', () => {
    expect(wished(right, { rule: 'SCALE', values: ['2'], expiry: 'steps', duration: '100' })).toEqual({ ok: true, wish: { rule: 'SCALE', value: 2, expiresInSteps: 100 } });
    expect(wished(right, { rule: 'CLAMP', low: '0', high: '0.5', expiry: 'seconds', duration: '0.5' })).toEqual({ ok: true, wish: { rule: 'CLAMP', low: 0, high: 0.5, expiresInSeconds: 0.5 } });
  });
});

describe('a rule that stands', () => {
  const standing = { path: 'outputs.right', value: null, low: null, high: null, weight: null, index: null, expiresAt: null, expiresAtStep: null };

  it.each([
    [{ rule: 'SET', value: 0.5 }, 'set to 0.5000'],
    [{ rule: 'SET', value: 1, index: [2, 3] }, 'element 2, 3 set to 1'],
    [{ rule: 'CLAMP', low: -1, high: 1 }, 'kept between −1 and 1'],
    [{ rule: 'SCALE', value: 2 }, 'multiplied by 2'],
    [{ rule: 'BLEND', value: 1, weight: 0.3 }, 'mixed with 30 % of 1'],
    [{ rule: 'SET', value: Array.from({ length: 30 }, () => 0) }, `set to [${'0,'.repeat(19)}…`],
  ] as const)('%o is put in words', (parts, words) => {
    expect(standingText({ ...standing, ...parts })).toBe(words);
  });

  it('calls a choice by its name', () => {
    expect(standingText({ ...standing, rule: 'SET', value: 2 }, move)).toBe('set to right');
  });

  it('says when it ends', () => {
    expect(expiryText(standing, 0)).toBeUndefined();
    expect(expiryText({ expiresAt: null, expiresAtStep: 1200 }, 0)).toBe('until step 1,200');
    expect(expiryText({ expiresAt: '1970-01-01T00:00:12Z', expiresAtStep: null }, 0)).toBe('for 12 s more');
  });
});
