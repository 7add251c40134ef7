/** Channels of a model and how each is best shown. */

export type ModalityKind = 'IMAGE' | 'VECTOR' | 'SCALAR' | 'DISCRETE' | 'MULTI_DISCRETE' | 'TEXT' | 'AUDIO' | 'TREE';

export interface Modality {
  readonly name: string;
  readonly kind: ModalityKind;
  readonly shape: readonly (number | null)[];
  readonly dtype: string;
  readonly low: unknown;
  readonly high: unknown;
  readonly neutral: unknown;
  readonly labels: readonly string[] | null;
  readonly names: readonly string[] | null;
  readonly unit: string | null;
}

export type Widget = 'image' | 'heat' | 'bars' | 'choice' | 'number' | 'text';

/** Bars are readable up to this many components; more are shown as a heat map. */
export const MOST_BARS = 24;

export function sizeOf(shape: readonly (number | null)[]): number {
  return shape.reduce<number>((product, size) => product * (size ?? 1), 1);
}

export function widgetOf(modality: Modality): Widget {
  switch (modality.kind) {
    case 'IMAGE':
      return 'image';
    case 'DISCRETE':
      return choiceCount(modality) === undefined ? 'number' : 'choice';
    case 'SCALAR':
      return 'number';
    case 'TEXT':
    case 'TREE':
      return 'text';
    case 'MULTI_DISCRETE':
    case 'VECTOR':
    case 'AUDIO': {
      const size = sizeOf(modality.shape);
      if (size === 1) return 'number';
      return size <= MOST_BARS ? 'bars' : 'heat';
    }
  }
}

/** How many choices a discrete modality has; undefined where it does not say, or has too many to show. */
export function choiceCount(modality: Modality): number | undefined {
  const count = modality.labels?.length ?? (typeof modality.high === 'number' ? modality.high - lowOf(modality) + 1 : undefined);
  return count !== undefined && count >= 1 && count <= 64 ? count : undefined;
}

export function choiceLabel(modality: Modality, index: number): string {
  return modality.labels?.[index] ?? String(index + lowOf(modality));
}

function lowOf(modality: Modality): number {
  return typeof modality.low === 'number' ? modality.low : 0;
}

/** The finite bound of component `index`, from a number or (nested) lists. */
export function boundAt(bound: unknown, index: number): number | undefined {
  const value = Array.isArray(bound) ? (bound.flat(Infinity) as unknown[])[index] : bound;
  return typeof value === 'number' && Number.isFinite(value) && Math.abs(value) < 1e6 ? value : undefined;
}

export function componentName(modality: Modality, index: number): string {
  return modality.names?.[index] ?? String(index);
}
