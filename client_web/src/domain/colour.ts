/** Colour scales for arrays: one for values that grow from a floor, one for values around zero. */

export type Rgb = readonly [number, number, number];

// Stops from dark to light in a warm order; lightness grows evenly, so the order survives greyscale and colour blindness.
const GROWING: readonly Rgb[] = [
  [24, 20, 34],
  [78, 32, 66],
  [150, 50, 58],
  [214, 96, 30],
  [246, 164, 60],
  [255, 236, 178],
];

const AROUND_ZERO: readonly Rgb[] = [
  [38, 98, 160],
  [120, 170, 205],
  [240, 236, 228],
  [240, 170, 96],
  [196, 84, 18],
];

function along(stops: readonly Rgb[], t: number): Rgb {
  const clamped = Math.min(1, Math.max(0, Number.isNaN(t) ? 0 : t)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(clamped));
  const [a, b] = [stops[i] ?? [0, 0, 0], stops[i + 1] ?? [0, 0, 0]];
  const f = clamped - i;
  return [a[0] + (b[0] - a[0]) * f, a[1] + (b[1] - a[1]) * f, a[2] + (b[2] - a[2]) * f];
}

/** t in 0..1. */
export function growing(t: number): Rgb {
  return along(GROWING, t);
}

/** t in -1..1; 0 is the neutral middle. */
export function aroundZero(t: number): Rgb {
  return along(AROUND_ZERO, (t + 1) / 2);
}

/** The scale's range for an array: symmetric around zero when it has negative values. */
export function rangeOf(values: ArrayLike<number>): { readonly low: number; readonly high: number } {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return { low: 0, high: 1 };
  if (low < 0) {
    const most = Math.max(-low, high);
    return { low: -most, high: most };
  }
  return { low, high: high === low ? low + 1 : high };
}
