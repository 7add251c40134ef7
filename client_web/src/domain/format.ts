/** Numbers, rates and ages as people read them. */

const integer = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const rate = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const NOTHING = '–';

/** Four significant digits; powers of ten only where plain digits would mislead. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined) return NOTHING;
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2).replace('-', '−');
  if (Number.isInteger(value)) return integer.format(value).replace('-', '−');
  const digits = Math.max(0, Math.min(4, 3 - Math.floor(Math.log10(size))));
  return value.toFixed(digits).replace('-', '−');
}

const tick = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });

/** Marks on an axis: as few digits as they need. */
export function formatTick(value: number): string {
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e12) ? value.toExponential(1) : tick.format(value);
  return text.replace('-', '−');
}

/** Counts: exact below 100,000, then short. */
export function formatCount(value: number | undefined): string {
  if (value === undefined) return NOTHING;
  return value < 100_000 ? integer.format(value) : compact.format(value);
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;
const amount = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** Sizes in powers of 1000: "820 bytes", "1.24 MB". */
export function formatBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 999.5 ? 0 : Math.floor(Math.log10(bytes * 1.0005) / 3));
  return `${amount.format(bytes / 1000 ** power)} ${UNITS[power] ?? ''}`;
}

export function formatRate(stepsPerSecond: number | undefined): string {
  if (stepsPerSecond === undefined) return NOTHING;
  return `${rate.format(stepsPerSecond)}/s`;
}

/** Seconds as an age: "0.4 s", "12 s", "3 min", "2 h", "5 d". */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function formatAgo(at: string | null, nowMs: number): string {
  if (at === null) return NOTHING;
  const seconds = (nowMs - Date.parse(at)) / 1000;
  return seconds < 2 ? 'just now' : `${formatSeconds(seconds)} ago`;
}

/** Time of day of a log line or event: "14:03:22". */
export function formatClock(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : date.toLocaleTimeString('en-GB');
}

export function formatShape(shape: readonly (number | null)[]): string {
  return shape.length === 0 ? 'scalar' : shape.map((size) => size ?? '?').join(' × ');
}
