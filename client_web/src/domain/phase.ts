/** What people may be told and may do about an instance, given where it is in its life. */

export type Phase =
  | 'PENDING'
  | 'STARTING'
  | 'RUNNING'
  | 'PAUSED'
  | 'HIBERNATED'
  | 'STOPPING'
  | 'TERMINATED'
  | 'FAILED'
  | 'LOST';

export type Tone = 'good' | 'wait' | 'calm' | 'bad' | 'muted';

export interface PhaseLook {
  readonly label: string;
  readonly tone: Tone;
}

const LOOKS: Readonly<Record<Phase, PhaseLook>> = {
  PENDING: { label: 'Waiting', tone: 'wait' },
  STARTING: { label: 'Starting', tone: 'wait' },
  RUNNING: { label: 'Running', tone: 'good' },
  PAUSED: { label: 'Paused', tone: 'calm' },
  HIBERNATED: { label: 'Asleep', tone: 'muted' },
  STOPPING: { label: 'Stopping', tone: 'wait' },
  TERMINATED: { label: 'Ended', tone: 'muted' },
  FAILED: { label: 'Failed', tone: 'bad' },
  LOST: { label: 'Lost', tone: 'bad' },
};

export function phaseLook(phase: Phase): PhaseLook {
  return LOOKS[phase];
}

export function hasEnded(phase: Phase): boolean {
  return phase === 'TERMINATED' || phase === 'FAILED' || phase === 'LOST';
}

export interface Steerable {
  readonly phase: Phase;
  readonly desiredPhase: Phase;
  readonly viewerCan: readonly string[];
}

export interface Offers {
  readonly pause: boolean;
  readonly resume: boolean;
  readonly step: boolean;
  readonly steer: boolean;
  readonly terminate: boolean;
  readonly remove: boolean;
}

/** What the page offers: only what the zoo will accept from this viewer now. */
export function offers({ phase, desiredPhase, viewerCan }: Steerable): Offers {
  const alive = !hasEnded(phase);
  const stopping = phase === 'STOPPING' || desiredPhase === 'TERMINATED';
  const steer = viewerCan.includes('CONTROL') && alive && !stopping;
  const pauseAsked = desiredPhase === 'PAUSED';
  return {
    pause: steer && !pauseAsked,
    resume: steer && pauseAsked,
    step: steer && phase === 'PAUSED' && pauseAsked,
    steer,
    terminate: steer,
    remove: !alive && viewerCan.includes('DELETE'),
  };
}

export interface Acknowledgeable {
  readonly phase: Phase;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly acknowledgedAtStep: number | null;
}

/** How far the runner has followed what was asked, in words; undefined when nothing was asked yet. */
export function acknowledgement(instance: Acknowledgeable): { readonly pending: boolean; readonly text: string } | undefined {
  const { generation, observedGeneration, acknowledgedAtStep, phase } = instance;
  if (hasEnded(phase)) return undefined;
  if (observedGeneration < generation) return { pending: true, text: 'asked, waiting for the runner' };
  if (acknowledgedAtStep === null) return undefined;
  return { pending: false, text: `acknowledged at step ${acknowledgedAtStep.toLocaleString('en')}` };
}
