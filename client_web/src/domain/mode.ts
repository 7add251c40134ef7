/** What an instance does, in words: never more than it can. */

export interface Doing {
  readonly mode: { readonly training: boolean; readonly inference: boolean };
  /** Null until its runner has loaded the model. */
  readonly trainable: boolean | null;
  readonly environment: object | null;
  readonly environmentInstance: object | null;
}

/** Without a world there are no steps to make: it answers when it is asked. */
export function hasWorld({ environment, environmentInstance }: Pick<Doing, 'environment' | 'environmentInstance'>): boolean {
  return environment !== null || environmentInstance !== null;
}

/** Undefined while nobody knows whether it can do what was asked. */
export function modeText(doing: Doing): string | undefined {
  const { training, inference } = doing.mode;
  if (!hasWorld(doing)) return inference ? 'answers when asked' : 'idle';
  if (training && doing.trainable === null) return undefined;
  if (training && doing.trainable === true) return inference ? 'learning and acting' : 'learning only';
  return inference ? 'acting' : 'idle';
}
