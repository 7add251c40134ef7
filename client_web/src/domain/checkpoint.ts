/** Checkpoints in words: what one is, what it grew from, and what may be done with it. */
import { formatAgo, formatBytes, formatCount } from './format';
import { offers, type Steerable } from './phase';

export interface Checkpoint {
  readonly id: string;
  readonly tag: string;
  readonly commit: string;
  readonly parents: readonly string[];
  readonly step: number;
  readonly timeline: number;
  readonly createdAt: string;
  readonly sizeBytes: number;
  readonly kind: 'ASKED' | 'AUTOSAVE' | 'DEPARTURE' | 'RECORDING';
  /** Others make room for newer ones. */
  readonly kept: boolean;
}

/** "step 1,200 · timeline 2 · 3 min ago · 12 kB" */
export function checkpointFacts({ step, timeline, createdAt, sizeBytes }: Checkpoint, nowMs: number): string {
  return [`step ${formatCount(step)}`, `timeline ${timeline}`, formatAgo(createdAt, nowMs), formatBytes(sizeBytes)].join(' · ');
}

/** Why it is there, where nobody asked for it. */
export function checkpointOrigin({ kind, kept }: Checkpoint): string | undefined {
  if (kind === 'ASKED') return undefined;
  if (kind === 'RECORDING') return 'a recording begins with it';
  const why = kind === 'AUTOSAVE' ? 'saved by itself' : 'saved when it had to leave';
  return kept ? why : `${why}, until newer ones take its place`;
}

/** The id under which a checkpoint with this commit is known: the same wherever it is computed. */
export function checkpointId(commit: string): string {
  return `chk_${commit}`;
}

/** By commit, so that a parent is found among its children. */
export function tagsByCommit(checkpoints: readonly Pick<Checkpoint, 'commit' | 'tag'>[]): ReadonlyMap<string, string> {
  return new Map(checkpoints.map(({ commit, tag }) => [commit, tag]));
}

export interface CheckpointOffers {
  readonly save: boolean;
  readonly restore: boolean;
}

/** What an instance's page offers: only what the zoo will accept from this viewer now. */
export function checkpointOffers(instance: Steerable): CheckpointOffers {
  const { steer } = offers(instance);
  return { save: steer && (instance.phase === 'RUNNING' || instance.phase === 'PAUSED'), restore: steer };
}

/** What a tag may not be, in words, before the zoo is asked; undefined for a good one, and for none. */
export function tagProblem(tag: string): string | undefined {
  if (/[\s~^:?*[\\/]/.test(tag)) return 'A tag is one word, without slashes and ~ ^ : ? * [ \\';
  if (/^[-.]|\.$/.test(tag)) return 'A tag begins with a letter or a digit, and ends without a dot';
  return undefined;
}

/**
 * What is known once the newest page has come again: the page, then what was known to be older. `all`: the page has everything.
 * What is as new as the page and not in it was deleted.
 */
export function withNewest<T extends Pick<Checkpoint, 'id' | 'createdAt'>>(known: readonly T[], page: readonly T[], all: boolean): readonly T[] {
  const oldest = page.at(-1);
  if (all || oldest === undefined) return page;
  const there = new Set(page.map(({ id }) => id));
  return [...page, ...known.filter(({ id, createdAt }) => !there.has(id) && Date.parse(createdAt) <= Date.parse(oldest.createdAt))];
}

/** Two to compare, the older first; of three that were picked the last two count. */
export function picked<T extends Pick<Checkpoint, 'id' | 'createdAt'>>(before: readonly T[], toggled: T): readonly T[] {
  const others = before.filter(({ id }) => id !== toggled.id);
  if (others.length < before.length) return others;
  return [...others.slice(-1), toggled];
}

export function olderFirst<T extends Pick<Checkpoint, 'createdAt'>>(checkpoints: readonly T[]): readonly T[] {
  return checkpoints.toSorted((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
}

export interface Happened {
  readonly kind: string;
  readonly message: string;
  readonly at: string;
  readonly step: number | null;
}

const WARNED_WITHIN_MS = 5000;

/**
 * What became of the last restore in `happened`, and what was warned of at that time and at the step that it went back to: a
 * save that failed just before is of another one. Nothing where nothing was restored.
 */
export function restoreTold(happened: readonly Happened[]): readonly string[] {
  const restored = happened.findLast(({ kind }) => kind === 'RESTORED');
  if (restored === undefined) return [];
  const near = ({ kind, at, step }: Happened): boolean => kind === 'WARNING' && step === restored.step && Math.abs(Date.parse(at) - Date.parse(restored.at)) <= WARNED_WITHIN_MS;
  return [`It ${restored.message}`, ...happened.filter(near).map(({ message }) => message)];
}
