import { expect, it } from 'vitest';
import { pictureOf } from './picture';

it('an instance is seen by its own picture, else by that of the world it has joined', () => {
  const alone = { id: 'ins_1', previewPaths: ['inputs.image'], environmentInstance: null };
  const world = { id: 'env_1' };

  expect(pictureOf(alone)).toEqual({ instanceId: 'ins_1', path: 'inputs.image' });
  expect(pictureOf({ ...alone, environmentInstance: world })).toEqual({ instanceId: 'ins_1', path: 'inputs.image' });
  expect(pictureOf({ ...alone, previewPaths: [], environmentInstance: world })).toEqual({ instanceId: 'env_1', path: 'env.frame' });
  expect(pictureOf({ ...alone, previewPaths: [] })).toBeUndefined();
});
