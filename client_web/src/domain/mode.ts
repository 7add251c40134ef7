/** What an instance does, in words: never more than it can. */

export interface Doing {
  readonly mode: { readonly training: boolean; readonly inference: boolean };
  /** Null until its runner has loaded the model. */
  readonly trainable: boolean | null;
  readonly environment: object | null;
  readonly environmentInstance: object | null;
  readonly origin: 'LAUNCHED' | 'ATTACHED' | 'REPLAY';
}

/** Without a world there are no steps to make: it answers when it is asked. A script brings its own, a replay has what was recorded. */
export function hasWorld({ environment, environmentInstance, origin }: Pick<Doing, 'environment' | 'environmentInstance' | 'origin'>): boolean {
  return environment !== null || environmentInstance !== null || origin !== 'LAUNCHED';
}

/** Undefined while nobody knows whether it can do what was asked. */
export function modeText(doing: Doing): string | undefined {
  const { training, inference } = doing.mode;
  if (doing.origin === 'ATTACHED') return 'a script of its own';
  if (doing.origin === 'REPLAY') return 'replaying a recording';
  if (!hasWorld(doing)) return inference ? 'answers when asked' : 'idle';
  if (training && doing.trainable === null) return undefined;
  if (training && doing.trainable === true) return inference ? 'learning and acting' : 'learning only';
  return inference ? 'acting' : 'idle';
}
