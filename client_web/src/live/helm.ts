/**
 * Drives one instance under a control lease: says what the hands do as it changes, and a heartbeat ten times a second. What is
 * said is numbered, so that what is overtaken on its way is not obeyed.
 */
import type { Timers } from './stream';

export const HEARTBEAT_MS = 100;
/** While hands move, words are at least so far apart. */
const SHORTEST_MS = 30;
/** Of words, which are answered once they were obeyed, and of heartbeats: more on their way would only arrive late. */
const MOST_UNANSWERED = 2;

export type Values = Readonly<Record<string, unknown>>;

/** What became of what was said. */
export type Heard =
  /** `step`: where it was obeyed; null for a heartbeat, and while nothing moves. */
  | { readonly kind: 'heard'; readonly step: number | null }
  /** The zoo did not answer; the next word may be heard. */
  | { readonly kind: 'unheard'; readonly message: string }
  /** The lease is over, or the word is refused for good. */
  | { readonly kind: 'refused'; readonly message: string };

/** Empty values are a heartbeat. */
export type Say = (values: Values, sequence: number) => Promise<Heard>;

export interface HelmState {
  readonly kind: 'driving' | 'unheard' | 'over';
  /** The step at which the newest word was obeyed. */
  readonly step: number | null;
  /** From saying it to hearing that it was obeyed, in milliseconds. */
  readonly delayMs: number | undefined;
  readonly message: string | undefined;
}

export class Helm {
  #unsaid: Values;
  #sequence = 0;
  /** The newest that was answered: that an older one was not heard says nothing any more. */
  #answered = 0;
  /** The newest word that was obeyed; heartbeats after it may have been answered before. */
  #obeyed = 0;
  #words = 0;
  #beats = 0;
  #saidAt = -Infinity;
  #timer: unknown;
  #state: HelmState = { kind: 'driving', step: null, delayMs: undefined, message: undefined };

  constructor(
    private readonly say: Say,
    private readonly onState: (state: HelmState) => void,
    private readonly timers: Timers,
    private readonly now: () => number,
    first: Values = {},
  ) {
    this.#unsaid = first;
    this.#speak();
  }

  /** What the hands do now; it holds until they do something else. */
  steer(values: Values): void {
    this.#unsaid = { ...this.#unsaid, ...values };
    this.#soon();
  }

  /** Says nothing any more. */
  stop(): void {
    this.timers.clear(this.#timer);
    this.#state = { ...this.#state, kind: 'over' };
  }

  #soon(): void {
    if (this.#state.kind !== 'over' && this.#words < MOST_UNANSWERED) this.#schedule(Math.max(0, this.#saidAt + SHORTEST_MS - this.now()));
  }

  #schedule(milliseconds: number): void {
    this.timers.clear(this.#timer);
    this.#timer = this.timers.set(() => this.#speak(), milliseconds);
  }

  #speak(): void {
    this.#schedule(HEARTBEAT_MS);
    const values = this.#words < MOST_UNANSWERED ? this.#unsaid : {};
    const isWord = Object.keys(values).length > 0;
    if (isWord) {
      this.#unsaid = {};
      this.#words += 1;
    } else {
      if (this.#beats >= MOST_UNANSWERED) return;
      this.#beats += 1;
    }
    const saidAt = (this.#saidAt = this.now());
    const sequence = (this.#sequence += 1);
    void this.say(values, sequence).then((heard) => {
      if (isWord) this.#words -= 1;
      else this.#beats -= 1;
      if (this.#state.kind !== 'over') this.#hear(heard, values, sequence, saidAt);
    });
  }

  #hear(heard: Heard, values: Values, sequence: number, saidAt: number): void {
    switch (heard.kind) {
      case 'refused':
        this.timers.clear(this.#timer);
        this.#become({ ...this.#state, kind: 'over', message: heard.message });
        return;
      case 'unheard':
        // What was not heard is said again, unless the hands have done something else since.
        this.#unsaid = { ...values, ...this.#unsaid };
        if (sequence > this.#answered) this.#become({ ...this.#state, kind: 'unheard', message: heard.message });
        return;
      case 'heard': {
        this.#answered = Math.max(this.#answered, sequence);
        const isNews = heard.step !== null && sequence > this.#obeyed;
        if (isNews) this.#obeyed = sequence;
        this.#become({ ...this.#state, kind: 'driving', message: undefined, ...(isNews ? { step: heard.step, delayMs: this.now() - saidAt } : {}) });
        // What the hands did while too much was on its way is said now.
        if (Object.keys(this.#unsaid).length > 0) this.#soon();
      }
    }
  }

  #become(state: HelmState): void {
    this.#state = state;
    this.onState(state);
  }
}
