/** How a recorded signal is shown, as far as it says itself; what the instance still knows of it comes first. */
import type { Modality } from './modality';
import type { Channel } from './recorded';
import type { Layout } from './raster';

const KINDS = { image: 'IMAGE', vector: 'VECTOR', scalar: 'SCALAR', text: 'TEXT', json: 'TREE' } as const;

export function modalityOf({ path, dtype, shape, kind }: Channel, known: Modality | undefined): Modality {
  if (known !== undefined) return known;
  return { name: path.slice(path.indexOf('.') + 1), kind: KINDS[kind], shape, dtype, low: null, high: null, neutral: null, labels: null, names: null, unit: null };
}

/** Channels first where that alone makes it a picture. */
export function layoutOf({ shape }: Channel): Layout {
  const [first, , last] = shape;
  return shape.length === 3 && (first === 1 || first === 3) && last !== 1 && last !== 3 && last !== 4 ? 'CHW' : 'HWC';
}

/** Which signals tell most at first: a picture, what it does, what it got for that, what it saw. */
export function firstShown(channels: readonly Channel[]): readonly string[] {
  const picture = channels.find(({ path }) => path === 'env.frame') ?? channels.find(({ kind }) => kind === 'image');
  const begins = (root: string) => channels.find(({ path, kind }) => kind !== 'image' && (path === root || path.startsWith(`${root}.`)));
  const chosen = [picture, begins('action'), begins('env.reward'), begins('inputs'), begins('outputs')].flatMap((channel) => (channel === undefined ? [] : [channel.path]));
  return [...new Set(chosen.length > 0 ? chosen : channels.slice(0, 4).map(({ path }) => path))];
}
