/**
 * The tab's one subscription. It is replaced make-before-break: when wishes change and when the server says ROTATE, the next
 * stream is opened from the last cursor, and the old one is closed once the next has spoken. A stream that ends or fails is
 * opened again after a growing pause.
 */
import type { LiveEvent, LiveInput } from '../api/documents';

export interface Sink {
  event(event: LiveEvent): void;
  /** The stream ended; `reason` is undefined when it ended well. `refused`: the zoo did not take the request as it was. */
  end(reason: string | undefined, refused?: boolean): void;
}

/** Opens one stream; the answer closes it. */
export type OpenStream = (input: LiveInput, sink: Sink) => () => void;

export interface Timers {
  set(callback: () => void, milliseconds: number): unknown;
  clear(handle: unknown): void;
}

export type StreamState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'opening' }
  | { readonly kind: 'live' }
  | { readonly kind: 'waiting'; readonly reason: string | undefined; readonly attempt: number }
  | { readonly kind: 'asleep' };

/** Wishes come in bursts while a page is drawn; they are gathered for this long. */
const GATHER_MS = 60;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 15_000;

interface Attempt {
  ended: boolean;
  close: () => void;
}

export class Stream {
  #input: LiveInput | undefined;
  #wanted = '';
  #cursor: string | undefined;
  #current: Attempt | undefined;
  #next: Attempt | undefined;
  #timer: unknown;
  #attempts = 0;
  #asleep = false;
  #state: StreamState = { kind: 'idle' };

  constructor(
    private readonly open: OpenStream,
    private readonly onEvent: (event: LiveEvent) => void,
    private readonly onState: (state: StreamState) => void,
    private readonly timers: Timers,
  ) {}

  get state(): StreamState {
    return this.#state;
  }

  /** Watches `input` from now on; undefined: nothing. */
  want(input: LiveInput | undefined): void {
    const wanted = input === undefined ? '' : JSON.stringify(input);
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#input = input;
    if (!this.#asleep) this.#schedule(GATHER_MS);
  }

  /** Lets the connection go while nobody looks. */
  sleep(): void {
    if (this.#asleep) return;
    this.#asleep = true;
    this.#closeAll();
    this.#become({ kind: 'asleep' });
  }

  wake(): void {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#attempts = 0;
    this.#become({ kind: 'idle' });
    this.#schedule(0);
  }

  /** Ends a pause between attempts. */
  retryNow(): void {
    if (this.#state.kind !== 'waiting') return;
    this.#attempts = 0;
    this.#schedule(0);
  }

  close(): void {
    this.#input = undefined;
    this.#wanted = '';
    this.#closeAll();
    this.#become({ kind: 'idle' });
  }

  #schedule(milliseconds: number): void {
    this.timers.clear(this.#timer);
    this.#timer = this.timers.set(() => this.#replace(), milliseconds);
  }

  #replace(): void {
    this.timers.clear(this.#timer);
    this.#end(this.#next);
    this.#next = undefined;
    if (this.#input === undefined) {
      this.#closeAll();
      this.#become({ kind: 'idle' });
      return;
    }
    if (this.#current === undefined && this.#attempts === 0) this.#become({ kind: 'opening' });
    const attempt: Attempt = { ended: false, close: () => undefined };
    this.#next = attempt;
    attempt.close = this.open(
      { ...this.#input, ...(this.#cursor === undefined ? {} : { since: this.#cursor }) },
      {
        event: (event) => {
          if (!attempt.ended) this.#hear(attempt, event);
        },
        end: (reason, refused = false) => {
          if (!attempt.ended) this.#lose(attempt, reason, refused);
        },
      },
    );
  }

  #hear(attempt: Attempt, event: LiveEvent): void {
    if (this.#next === attempt) {
      this.#end(this.#current);
      this.#current = attempt;
      this.#next = undefined;
    }
    this.#attempts = 0;
    this.#cursor = event.cursor;
    this.#become({ kind: 'live' });
    this.onEvent(event);
    if (event.kind === 'ROTATE') this.#replace();
  }

  #lose(attempt: Attempt, reason: string | undefined, refused: boolean): void {
    // A zoo of another version may not read the cursors of the one before: then it starts afresh.
    if (refused) this.#cursor = undefined;
    attempt.ended = true;
    if (this.#next === attempt) this.#next = undefined;
    else this.#current = undefined;
    if (this.#next === undefined) this.#pause(reason);
  }

  #pause(reason: string | undefined): void {
    const milliseconds = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    if (this.#current === undefined) this.#become({ kind: 'waiting', reason, attempt: this.#attempts });
    this.#schedule(milliseconds);
  }

  #closeAll(): void {
    this.timers.clear(this.#timer);
    this.#end(this.#next);
    this.#end(this.#current);
    this.#next = undefined;
    this.#current = undefined;
  }

  #end(attempt: Attempt | undefined): void {
    if (attempt === undefined) return;
    attempt.ended = true;
    attempt.close();
  }

  #become(state: StreamState): void {
    if (state.kind === this.#state.kind && state.kind !== 'waiting') return;
    this.#state = state;
    this.onState(state);
  }
}
