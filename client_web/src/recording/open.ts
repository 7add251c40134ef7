/** Opens a recording for a page: everything heavy happens in a worker of its own. */
import { RecordingError } from './failure';
import type { Manifest } from './manifest';
import type { Questions, Reply, SeriesAndDamage } from './messages';
import type { AtOptions, RecordedEvent, RecordedStep } from './reader';
import type { Access } from './source';

/** A recording that is open. Every method rejects with RecordingError. */
export interface OpenRecording {
  readonly manifest: Manifest;
  /** The newest step that is not after `step`, or else the first. */
  at(step: number, options?: AtOptions): Promise<RecordedStep>;
  /** A signal from one step to another, both inclusive; `damage` names what had to be left out. */
  read(path: string, fromStep?: number, toStep?: number, timeline?: number): Promise<SeriesAndDamage>;
  events(): Promise<readonly RecordedEvent[]>;
  /** Ends the worker; what was asked and not answered is never answered. */
  close(): void;
}

/** @throws RecordingError. */
export async function openRecording(access: Access): Promise<OpenRecording> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  const link = new Link(worker);
  try {
    const manifest = await link.ask('open', { access });
    return {
      manifest,
      at: (step, options = {}) => link.ask('at', { step, options }),
      read: (path, fromStep = 0, toStep = Infinity, timeline) => link.ask('read', { path, fromStep, toStep, timeline }),
      events: () => link.ask('events', {}),
      close: () => worker.terminate(),
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: RecordingError) => void;
}

class Link {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ('failure' in data) waiting?.reject(new RecordingError(data.failure.kind, data.failure.message));
      else waiting?.resolve(data.answer as never);
    };
    worker.onerror = () => {
      for (const { reject } of this.#waiting.values()) reject(new RecordingError('unreachable', 'The reader of recordings could not be loaded.'));
      this.#waiting.clear();
    };
  }

  ask<Name extends keyof Questions>(name: Name, ask: Questions[Name]['ask']): Promise<Questions[Name]['answer']> {
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, name, ...ask });
    });
  }
}
