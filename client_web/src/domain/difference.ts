/** What differs between two checkpoints, in the order and the words in which people read it. */
import { formatNumber, formatShape } from './format';
import { toNumber, type Real } from './real';

export interface TensorDifference {
  readonly path: string;
  /** `changed`, `reshaped`, `added` or `removed`. */
  readonly change: string;
  /** Of the change; null where there is none to tell. */
  readonly norm: Real | null;
  /** `norm` by that of what it was. */
  readonly relative: Real | null;
  readonly fromShape: readonly number[] | null;
  readonly toShape: readonly number[] | null;
  readonly fromDtype: string | null;
  readonly toDtype: string | null;
}

/** What became another thing first, then the largest change, last what has no size. */
export function byNorm<T extends TensorDifference>(tensors: readonly T[]): readonly T[] {
  const size = ({ change, norm }: TensorDifference): number => (change === 'changed' ? (toNumber(norm) ?? -1) : Infinity);
  const rank = ({ change }: TensorDifference): number => (change === 'changed' ? 1 : 0);
  return tensors.toSorted((a, b) => rank(a) - rank(b) || (size(a) === size(b) ? 0 : size(b) - size(a)) || a.path.localeCompare(b.path, 'en', { numeric: true }));
}

/** "3 changed · 1 added" */
export function tallyText(tensors: readonly Pick<TensorDifference, 'change'>[]): string {
  const tally = new Map<string, number>();
  for (const { change } of tensors) tally.set(change, (tally.get(change) ?? 0) + 1);
  return Array.from(tally, ([change, count]) => `${count} ${change}`).join(' · ');
}

/** "64 × 2 float32", "64 × 2 → 32 × 2 float32". */
export function formText({ fromShape, toShape, fromDtype, toDtype }: TensorDifference): string {
  const shapes = [fromShape, toShape].flatMap((shape) => (shape === null ? [] : [formatShape(shape)]));
  const dtypes = [fromDtype, toDtype].flatMap((dtype) => dtype ?? []);
  return [shapes, dtypes].map((ends) => [...new Set(ends)].join(' → ')).filter(Boolean).join(' ');
}

/** "12 %", of what it was. */
export function relativeText(relative: Real | null): string | undefined {
  const share = toNumber(relative);
  return share === undefined ? undefined : `${formatNumber(share * 100)} %`;
}

export interface ParameterDifference {
  readonly name: string;
  /** JSON; undefined where it has none. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** Reads `{"name": {"from": 0.1, "to": 0.03}}`. */
export function parameterDifferences(parameters: unknown): readonly ParameterDifference[] {
  if (!isRecord(parameters)) return [];
  return Object.entries(parameters).map(([name, ends]) => ({ name, from: end(ends, 'from'), to: end(ends, 'to') }));
}

function end(ends: unknown, key: 'from' | 'to'): string | undefined {
  return isRecord(ends) && key in ends ? JSON.stringify(ends[key]) : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
