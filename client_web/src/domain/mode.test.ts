import { describe, expect, it } from 'vitest';
import { modeText, type Doing } from './mode';

const WORLD = { environment: { id: 'world_box' }, environmentInstance: null };
const BOTH = { training: true, inference: true };

describe('what an instance does', () => {
  it.each<[string | undefined, Doing]>([
    ['learning and acting', { ...WORLD, mode: BOTH, trainable: true }],
    ['learning only', { ...WORLD, mode: { training: true, inference: false }, trainable: true }],
    ['acting', { ...WORLD, mode: { training: false, inference: true }, trainable: true }],
    ['idle', { ...WORLD, mode: { training: false, inference: false }, trainable: true }],
    ['acting', { ...WORLD, mode: BOTH, trainable: false }],
    ['idle', { ...WORLD, mode: { training: true, inference: false }, trainable: false }],
    [undefined, { ...WORLD, mode: BOTH, trainable: null }],
    ['answers when asked', { environment: null, environmentInstance: null, mode: BOTH, trainable: false }],
    ['acting', { environment: null, environmentInstance: { id: 'env_1' }, mode: BOTH, trainable: false }],
  ])('is %s', (text, doing) => {
    expect(modeText(doing)).toBe(text);
  });
});
