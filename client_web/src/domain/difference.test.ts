import { describe, expect, it } from 'vitest';
import { byNorm, formText, parameterDifferences, relativeText, tallyText, type TensorDifference } from './difference';

const tensor = (path: string, parts: Partial<TensorDifference> = {}): TensorDifference => ({
  path,
  change: 'changed',
  norm: 1,
  relative: 0.5,
  fromShape: [64, 2],
  toShape: [64, 2],
  fromDtype: 'float32',
  toDtype: 'float32',
  ...parts,
});

describe('tensors that differ', () => {
  it('come by what became another thing, then by the size of the change, without a size last', () => {
    const sorted = byNorm([tensor('file', { norm: null }), tensor('small', { norm: 0.1 }), tensor('w.10'), tensor('w.2'), tensor('broken', { norm: 'Infinity' }), tensor('z', { change: 'added', norm: null }), tensor('a', { change: 'reshaped', norm: null })]);
    expect(sorted.map(({ path }) => path)).toEqual(['a', 'z', 'broken', 'w.2', 'w.10', 'small', 'file']);
  });

  it('are sorted fast enough to be many', () => {
    const many = Array.from({ length: 20_000 }, (_, number) => tensor(`layer.${number}`, { norm: (number * 7919) % 1000 }));
    expect(byNorm(many)).toHaveLength(20_000);
  });

  it('are counted by what happened to them', () => {
    expect(tallyText([tensor('a'), tensor('b'), tensor('c', { change: 'removed' })])).toBe('2 changed · 1 removed');
  });

  it('say their form once where it stayed, and both where it did not', () => {
    expect(formText(tensor('a'))).toBe('64 × 2 float32');
    expect(formText(tensor('a', { toShape: [32, 2] }))).toBe('64 × 2 → 32 × 2 float32');
    expect(formText(tensor('a', { toDtype: 'float16' }))).toBe('64 × 2 float32 → float16');
    expect(formText(tensor('a', { fromShape: null, fromDtype: null }))).toBe('64 × 2 float32');
    expect(formText(tensor('a', { toShape: null, toDtype: null }))).toBe('64 × 2 float32');
    expect(formText(tensor('f', { fromShape: null, toShape: null, fromDtype: 'bytes', toDtype: 'bytes' }))).toBe('bytes');
  });

  it('tell how large a change is next to what it was, where that can be said', () => {
    expect(relativeText(0.031)).toBe('3.100 %');
    expect(relativeText(null)).toBeUndefined();
  });
});

describe('parameters that differ', () => {
  it('have two ends, of which one may be missing', () => {
    expect(parameterDifferences({ rate: { from: 0.1, to: 0.03 }, 'net.size': { to: [64, 64] } })).toEqual([
      { name: 'rate', from: '0.1', to: '0.03' },
      { name: 'net.size', from: undefined, to: '[64,64]' },
    ]);
  });

  it.each([null, undefined, [], 'none'])('are none in %j', (parameters) => {
    expect(parameterDifferences(parameters)).toEqual([]);
  });
});
