/** Numbers as the API writes them: JSON has no NaN and no infinity. */

export type Real = number | string;

export function toNumber(real: Real | null | undefined): number | undefined {
  if (real === null || real === undefined) return undefined;
  if (typeof real === 'number') return real;
  if (real === 'NaN') return NaN;
  if (real === 'Infinity') return Infinity;
  if (real === '-Infinity') return -Infinity;
  return undefined;
}
