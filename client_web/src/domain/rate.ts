/** The speed slider: a logarithmic scale from one step in two seconds to thousands, and no limit at its end. */

const STOPS: readonly number[] = [0.5, 1, 2, 3, 5, 8, 10, 15, 20, 25, 30, 50, 60, 80, 100, 150, 200, 300, 500, 1000, 2000, 5000];

export const LAST_POSITION = STOPS.length;

/** Steps per second at a position; null at the end: as fast as it goes. */
export function rateAt(position: number): number | null {
  return STOPS[Math.round(position)] ?? null;
}

/** The position nearest to a rate on the logarithmic scale. */
export function positionOf(rate: number | null): number {
  if (rate === null) return LAST_POSITION;
  const distance = (stop: number): number => Math.abs(Math.log(stop / rate));
  return STOPS.reduce((best, stop, i) => (distance(stop) < distance(STOPS[best] ?? 1) ? i : best), 0);
}

export function rateText(rate: number | null): string {
  return rate === null ? 'as fast as it goes' : `${rate} ${rate === 1 ? 'step' : 'steps'} a second`;
}
