/** Driving by hand: what suits an action's modality, and which value keys and sticks stand for. */
import { boundAt, choiceCount, choiceLabel, sizeOf, type Modality } from './modality';

export type Controller =
  /** One of a few, held down. */
  | { readonly kind: 'buttons'; readonly labels: readonly string[]; readonly low: number }
  /** Two components: to the right and up. */
  | { readonly kind: 'stick' }
  | { readonly kind: 'sliders'; readonly count: number }
  | { readonly kind: 'text' };

const MOST_BUTTONS = 18;
const MOST_SLIDERS = 12;

/** Undefined where nothing on the screen could stand for the action. */
export function controllerOf(modality: Modality): Controller | undefined {
  switch (modality.kind) {
    case 'DISCRETE': {
      const count = choiceCount(modality);
      if (count === undefined || count > MOST_BUTTONS) return undefined;
      return { kind: 'buttons', labels: Array.from({ length: count }, (_, i) => choiceLabel(modality, i)), low: typeof modality.low === 'number' ? modality.low : 0 };
    }
    case 'SCALAR':
    case 'VECTOR':
    case 'MULTI_DISCRETE': {
      const size = sizeOf(modality.shape);
      if (size === 2 && modality.kind === 'VECTOR') return { kind: 'stick' };
      return size <= MOST_SLIDERS ? { kind: 'sliders', count: size } : undefined;
    }
    case 'TEXT':
      return { kind: 'text' };
    case 'IMAGE':
    case 'AUDIO':
    case 'TREE':
      return undefined;
  }
}

/** What drives while no hand is at it; undefined where nothing is neutral: then the last value stays. */
export function neutralValue(modality: Modality): unknown {
  const { neutral, shape } = modality;
  if (typeof neutral === 'number' && shape.length > 0) return assemble(modality, new Array<number>(sizeOf(shape)).fill(neutral));
  if (neutral !== null && neutral !== undefined) return neutral;
  switch (modality.kind) {
    case 'SCALAR':
    case 'VECTOR':
      return assemble(modality, Array.from({ length: sizeOf(modality.shape) }, (_, i) => restOf(modality, i)));
    case 'MULTI_DISCRETE':
      return assemble(modality, Array.from({ length: sizeOf(modality.shape) }, (_, i) => boundAt(modality.low, i) ?? 0));
    case 'TEXT':
      return '';
    case 'DISCRETE':
    case 'IMAGE':
    case 'AUDIO':
    case 'TREE':
      return undefined;
  }
}

/** Where a component rests: at zero, if its bounds include that. */
function restOf(modality: Modality, index: number): number {
  const { low, high } = reachOf(modality, index);
  return low <= 0 && high >= 0 ? 0 : low;
}

/** Between which values a component moves; from -1 to 1 where it has no bounds. */
export function reachOf(modality: Modality, index: number): { readonly low: number; readonly high: number } {
  const low = boundAt(modality.low, index);
  const high = boundAt(modality.high, index);
  return low !== undefined && high !== undefined && high > low ? { low, high } : { low: -1, high: 1 };
}

/** The component's value at `lean`, from -1 to 1, away from where it rests. */
export function leaned(modality: Modality, index: number, lean: number): number {
  const { low, high } = reachOf(modality, index);
  const rest = restOf(modality, index);
  const share = Math.min(1, Math.abs(lean));
  return rest + share * ((lean < 0 ? low : high) - rest);
}

/** Components as the zoo takes them: one number for a scalar, a list for a vector. */
export function assemble({ shape }: Modality, components: readonly number[]): unknown {
  return shape.length === 0 ? (components[0] ?? 0) : [...components];
}

/** The components of a value that was assembled. */
export function componentsOf(value: unknown): readonly number[] {
  return Array.isArray(value) ? (value.flat(Infinity) as number[]) : typeof value === 'number' ? [value] : [];
}

const KEY_WORDS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/left|west/i, ['ArrowLeft', 'a']],
  [/right|east/i, ['ArrowRight', 'd']],
  [/up|forward|north|jump|accelerate/i, ['ArrowUp', 'w']],
  [/down|back|south|brake/i, ['ArrowDown', 's']],
  [/fire|shoot|stay|wait|noop|none/i, [' ']],
];

/** Which keys stand for which choice: arrows and letters by the words of its label, and the digits from 1. */
export function choiceKeys(labels: readonly string[]): ReadonlyMap<string, number> {
  const keys = new Map<string, number>();
  labels.slice(0, 9).forEach((_, i) => keys.set(String(i + 1), i));
  for (const [words, names] of KEY_WORDS) {
    const i = labels.findIndex((label) => words.test(label));
    if (i >= 0) names.forEach((name) => keys.set(name, i));
  }
  if (labels.length === 2 && !keys.has('ArrowLeft') && !keys.has('ArrowRight')) keys.set('ArrowLeft', 0).set('ArrowRight', 1);
  return keys;
}

export interface Lean {
  readonly x: number;
  readonly y: number;
}

const LEANS: Readonly<Record<string, Lean>> = {
  ArrowLeft: { x: -1, y: 0 },
  a: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  d: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: 1 },
  w: { x: 0, y: 1 },
  ArrowDown: { x: 0, y: -1 },
  s: { x: 0, y: -1 },
};

/** Where a stick leans while these keys are held; undefined while none of them moves it. */
export function leanOf(held: Iterable<string>): Lean | undefined {
  let lean: Lean | undefined;
  for (const key of held) {
    const part = LEANS[key];
    if (part !== undefined) lean = { x: (lean?.x ?? 0) + part.x, y: (lean?.y ?? 0) + part.y };
  }
  return lean;
}

/** One name per key: letters are the same in capitals. */
export function keyName(key: string): string {
  return key.length === 1 ? key.toLowerCase() : key;
}

/** A pointer on a round pad, as a lean within the circle; `y` grows upwards. A little around the middle counts as the middle. */
export function padLean(dx: number, dy: number, radius: number): Lean {
  const [x, y] = [dx / radius, -dy / radius];
  const far = Math.hypot(x, y);
  if (far < 0.08) return { x: 0, y: 0 };
  return far <= 1 ? { x, y } : { x: x / far, y: y / far };
}

export type OnSilence = 'MODEL' | 'HOLD' | 'NEUTRAL' | 'PAUSE';

export const SILENCES: readonly { readonly value: OnSilence; readonly label: string }[] = [
  { value: 'MODEL', label: 'the model takes over' },
  { value: 'NEUTRAL', label: 'the neutral action' },
  { value: 'HOLD', label: 'it goes on with my last word' },
  { value: 'PAUSE', label: 'it pauses' },
];
