/** The tokens that canvases draw with; read again when the system's theme changes. */

export interface Palette {
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  readonly sunken: string;
  readonly card: string;
  readonly tiger: string;
  readonly grid: string;
  readonly band: string;
  readonly series: readonly string[];
  readonly font: string;
  /** Grows with each change of theme. */
  readonly version: number;
}

let current: Palette | undefined;
let version = 0;

export function palette(): Palette {
  if (current === undefined) {
    const style = getComputedStyle(document.documentElement);
    const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    current = {
      ink: token('ink'),
      soft: token('ink-soft'),
      line: token('line'),
      sunken: token('sunken'),
      card: token('card'),
      tiger: token('tiger'),
      grid: token('grid'),
      band: token('band'),
      series: [1, 2, 3, 4].map((i) => token(`series-${i}`)),
      font: `12px ${token('font')}`,
      version,
    };
  }
  return current;
}

if (typeof matchMedia !== 'undefined') {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    version += 1;
    current = undefined;
  });
}
