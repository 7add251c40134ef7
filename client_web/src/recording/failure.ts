/** Why a recording cannot be read. `missing`: an object is not there; `damaged`: its bytes are others than were written; `newer`: of a format that is not known here; `refused`: reading is not allowed, perhaps any more; `unreachable`: nobody answers; `absent`: no such signal or step. */
export type FailureKind = 'missing' | 'damaged' | 'newer' | 'refused' | 'unreachable' | 'absent';

/** The message is for people. */
export class RecordingError extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
  ) {
    super(message);
    this.name = 'RecordingError';
  }
}
