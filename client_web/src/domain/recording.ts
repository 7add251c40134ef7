/** Recordings in words: what one holds, what can be chosen for one, and how a replay of it went. */
import { formatAgo, formatBytes, formatCount, formatNumber, formatSeconds } from './format';
import { hasEnded, offers, type Steerable } from './phase';
import { toNumber, type Real } from './real';

export interface Recorded {
  readonly phase: 'OPEN' | 'SEALED' | 'LOST';
  readonly firstStep: number;
  readonly lastStep: number;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  readonly sizeBytes: number;
  readonly droppedSteps: number;
  readonly createdAt: string;
  readonly author: { readonly name: string } | null;
}

/** "steps 100 to 2,345"; of one that has just begun: "no steps yet". */
export function recordedSteps({ firstAt, firstStep, lastStep }: Recorded): string {
  return firstAt === null ? 'no steps yet' : `steps ${firstStep.toLocaleString('en')} to ${lastStep.toLocaleString('en')}`;
}

/** "12 s · 1.2 MB · 3 min ago · by Ada · 5 steps are missing" */
export function recordedFacts({ firstAt, lastAt, sizeBytes, createdAt, author, droppedSteps }: Recorded, nowMs: number): string {
  const seconds = firstAt === null || lastAt === null ? undefined : (Date.parse(lastAt) - Date.parse(firstAt)) / 1000;
  return [
    ...(seconds === undefined ? [] : [formatSeconds(seconds)]),
    formatBytes(sizeBytes),
    formatAgo(createdAt, nowMs),
    ...(author === null ? [] : [`by ${author.name}`]),
    ...(droppedSteps === 0 ? [] : [`${formatCount(droppedSteps)} ${droppedSteps === 1 ? 'step is' : 'steps are'} missing`]),
  ].join(' · ');
}

export interface RecordOffers {
  readonly start: boolean;
  readonly saveLast: boolean;
}

/** Recording needs the right to edit, and steps that are made. */
export function recordOffers(instance: Steerable): RecordOffers {
  const may = instance.viewerCan.includes('EDIT') && !hasEnded(instance.phase) && offers({ ...instance, viewerCan: ['CONTROL'] }).steer;
  const moves = instance.phase === 'RUNNING' || instance.phase === 'PAUSED';
  return { start: may && moves, saveLast: may && moves };
}

export interface RecordChoice {
  readonly globs: readonly string[];
  readonly label: string;
  /** Recorded unless it is taken out. */
  readonly usual: boolean;
}

const CHOICES: readonly (RecordChoice & { readonly roots: readonly string[] })[] = [
  { roots: ['inputs'], globs: ['inputs.*'], label: 'What it perceives', usual: true },
  { roots: ['outputs'], globs: ['outputs.*'], label: 'What it proposes', usual: true },
  { roots: ['action'], globs: ['action'], label: 'What it does', usual: true },
  { roots: ['env.reward'], globs: ['env.reward'], label: 'Reward', usual: true },
  { roots: ['env.frame'], globs: ['env.frame'], label: 'Pictures of the world', usual: false },
  { roots: ['activations'], globs: ['activations.*'], label: 'Activations', usual: false },
  { roots: ['weights'], globs: ['weights.*'], label: 'Weights', usual: false },
  { roots: ['state'], globs: ['state.*'], label: 'State', usual: false },
  { roots: ['metrics'], globs: ['metrics.*'], label: 'Metrics', usual: false },
];

/** What can be recorded of an instance that has signals at and below these paths. */
export function recordChoices(has: (root: string) => boolean): readonly RecordChoice[] {
  return CHOICES.filter(({ roots }) => roots.some(has));
}

/** The globs to ask for; undefined where the usual ones are meant. */
export function recordGlobs(choices: readonly RecordChoice[], chosen: ReadonlySet<string>): string[] | undefined {
  if (choices.every(({ label, usual }) => chosen.has(label) === usual)) return undefined;
  return choices.filter(({ label }) => chosen.has(label)).flatMap(({ globs }) => globs);
}

export interface Report {
  readonly comparedSteps: number;
  readonly identical: boolean;
  readonly first: { readonly step: number; readonly path: string; readonly magnitude: Real } | null;
}

/** "1,000 steps are the same to the last bit", or where the first difference is. */
export function reportText({ comparedSteps, identical, first }: Report, ended: boolean): string {
  if (first !== null) {
    const magnitude = toNumber(first.magnitude) ?? NaN;
    return `The first difference is in ${first.path} at step ${first.step.toLocaleString('en')}${Number.isFinite(magnitude) ? `, by ${formatNumber(magnitude)}` : ''}`;
  }
  if (comparedSteps === 0) return ended ? 'Nothing was compared' : 'Nothing is compared yet';
  const steps = `${comparedSteps.toLocaleString('en')} ${comparedSteps === 1 ? 'step' : 'steps'}`;
  return identical ? `${steps} ${comparedSteps === 1 ? 'is' : 'are'} the same to the last bit${ended ? '' : ' so far'}` : `${steps} were compared, and they differ`;
}

export type Plane = 'INPUTS' | 'OUTPUTS' | 'ACTIVATIONS' | 'WEIGHTS';

export const PLANES: readonly { readonly plane: Plane; readonly label: string; readonly meaning: string; readonly root: string }[] = [
  { plane: 'INPUTS', label: 'What it perceived', meaning: 'Recorded inputs stand for the world.', root: 'inputs' },
  { plane: 'OUTPUTS', label: 'What it did', meaning: 'A world gets the recorded actions.', root: 'action' },
  { plane: 'ACTIVATIONS', label: 'Activations', meaning: 'Recorded ones take the place of its own.', root: 'activations' },
  { plane: 'WEIGHTS', label: 'Weights', meaning: 'Recorded ones are written into it.', root: 'weights' },
];

/** The planes that a recording of these signals can drive. */
export function planesIn(signals: readonly string[]): readonly (typeof PLANES)[number][] {
  return PLANES.filter(({ root }) => signals.some((path) => path === root || path.startsWith(`${root}.`)));
}
