/** How much of a signal is watched: how often, and in which form. */
import { sizeOf, type Modality } from './modality';

export type Reduction = 'FULL' | 'JPEG' | 'STATISTICS' | 'HISTOGRAM';

/** What a viewer may choose; undefined: as it suits the signal. */
export interface WatchChoice {
  readonly maxRate?: number | undefined;
  readonly reduce?: Reduction | undefined;
}

export const RATES: readonly number[] = [1, 5, 15, 30, 60];

const WORDS: Readonly<Record<Reduction, string>> = {
  FULL: 'All values',
  JPEG: 'Picture',
  STATISTICS: 'Statistics',
  HISTOGRAM: 'Histogram',
};

export function reductionText(reduction: Reduction): string {
  return WORDS[reduction];
}

/** The forms in which a signal of this modality can come; one alone is no choice. */
export function reductionsOf(modality: Modality): readonly Reduction[] {
  switch (modality.kind) {
    case 'IMAGE':
      return ['JPEG', 'FULL', 'STATISTICS', 'HISTOGRAM'];
    case 'VECTOR':
    case 'MULTI_DISCRETE':
    case 'AUDIO':
      return sizeOf(modality.shape) > 1 ? ['FULL', 'STATISTICS', 'HISTOGRAM'] : ['FULL'];
    case 'SCALAR':
    case 'DISCRETE':
    case 'TEXT':
    case 'TREE':
      return ['FULL'];
  }
}

export interface Statistic {
  readonly name: string;
  readonly value: number;
}

/** `edges` has one more than `counts`; both are empty where nothing is finite. */
export interface Histogram {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

const STATISTICS: readonly (readonly [string, string])[] = [
  ['mean', 'Mean'],
  ['std', 'Spread'],
  ['min', 'Least'],
  ['max', 'Largest'],
  ['count', 'Elements'],
  ['nonFinite', 'Not finite'],
];

/** What the zoo says of an array in numbers, in the order in which people read them. `real` reads a number as the zoo writes it. */
export function statisticsOf(statistics: unknown, real: (value: unknown) => number | undefined): readonly Statistic[] {
  const known = new Map(typeof statistics === 'object' && statistics !== null ? Object.entries(statistics) : []);
  return STATISTICS.flatMap(([key, name]) => {
    const value = real(known.get(key));
    return value === undefined || (key === 'nonFinite' && value === 0) ? [] : [{ name, value }];
  });
}
