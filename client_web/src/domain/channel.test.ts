import { describe, expect, it } from 'vitest';
import { firstShown, layoutOf, modalityOf } from './channel';
import type { Channel } from './recorded';

const channel = (path: string, parts: Partial<Channel> = {}): Channel => ({ path, dtype: 'float32', shape: [], kind: 'scalar', ...parts });

describe('what is shown of a recording at first', () => {
  it('is its picture, what it did and got, and what it saw', () => {
    const paths = [channel('inputs.speed'), channel('inputs.wind'), channel('outputs.value'), channel('action'), channel('env.reward'), channel('env.frame', { kind: 'image', shape: [8, 8, 3] })];

    expect(firstShown(paths)).toEqual(['env.frame', 'action', 'env.reward', 'inputs.speed', 'outputs.value']);
  });

  it('is anything where there is none of that', () => {
    expect(firstShown([channel('weights.a'), channel('weights.b')])).toEqual(['weights.a', 'weights.b']);
  });
});

describe('a recorded signal', () => {
  it('is shown by what the instance knows of it, else by its own kind', () => {
    const known = modalityOf(channel('action', { dtype: 'int64' }), undefined);

    expect(known).toMatchObject({ kind: 'SCALAR', labels: null });
    expect(modalityOf(channel('action'), { ...known, kind: 'DISCRETE', labels: ['a', 'b'] })).toMatchObject({ kind: 'DISCRETE', labels: ['a', 'b'] });
  });

  it('has its channels first where only that makes a picture', () => {
    expect([layoutOf(channel('a', { shape: [3, 84, 84] })), layoutOf(channel('a', { shape: [84, 84, 3] })), layoutOf(channel('a', { shape: [3, 4, 3] })), layoutOf(channel('a', { shape: [84, 84] }))]).toEqual(['CHW', 'HWC', 'HWC', 'HWC']);
  });
});
