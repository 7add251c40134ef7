/** The console lines of one instance: those asked for, continued by those that arrive live, each once. */
import type { LogLine } from '../api/documents';
import { Ring } from './ring';

export const LINES_KEPT = 2000;

export interface NumberedLine extends LogLine {
  readonly number: number;
}

export class Logbook {
  #lines: readonly NumberedLine[] = [];
  readonly #ring = new Ring<NumberedLine>(LINES_KEPT);
  readonly #recent = new Ring<string>(LINES_KEPT);
  readonly #known = new Map<string, number>();
  #count = 0;

  get lines(): readonly NumberedLine[] {
    return this.#lines;
  }

  /** Tells whether anything was new. */
  append(lines: readonly LogLine[]): boolean {
    const before = this.#count;
    for (const line of lines) {
      // The same line may come by history and live, or by two streams during a rotation. Its time has microseconds.
      const key = `${line.at}|${line.stream}|${line.text}`;
      if (this.#known.has(key)) continue;
      this.#forgetOldest();
      this.#known.set(key, this.#count);
      this.#recent.push(key);
      this.#ring.push({ ...line, number: this.#count });
      this.#count += 1;
    }
    if (this.#count === before) return false;
    this.#lines = [...this.#ring].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.number - b.number));
    return true;
  }

  #forgetOldest(): void {
    if (this.#recent.size < LINES_KEPT) return;
    const [oldest] = this.#recent;
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}
