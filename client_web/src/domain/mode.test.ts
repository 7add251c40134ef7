import { describe, expect, it } from 'vitest';
import { hasWorld, modeText, type Doing } from './mode';

const WORLD = { environment: { id: 'world_box' }, environmentInstance: null, origin: 'LAUNCHED' } as const;
const NO_WORLD = { ...WORLD, environment: null };
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
    ['answers when asked', { ...NO_WORLD, mode: BOTH, trainable: false }],
    ['acting', { ...NO_WORLD, environmentInstance: { id: 'env_1' }, mode: BOTH, trainable: false }],
    ['a script of its own', { ...NO_WORLD, origin: 'ATTACHED', mode: BOTH, trainable: false }],
    ['replaying a recording', { ...NO_WORLD, origin: 'REPLAY', mode: BOTH, trainable: false }],
  ])('is %s', (text, doing) => {
    expect(modeText(doing)).toBe(text);
  });

  it.each([
    ['LAUNCHED', false],
    ['ATTACHED', true],
    ['REPLAY', true],
  ] as const)('%s without an environment of the zoo: has a world %s', (origin, has) => {
    expect(hasWorld({ ...NO_WORLD, origin })).toBe(has);
  });
});
