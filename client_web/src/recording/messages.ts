/** What page and worker say to each other. */
import type { FailureKind } from './failure';
import type { Manifest } from './manifest';
import type { AtOptions, RecordedEvent, RecordedStep, Series } from './reader';
import type { Access } from './source';

export interface Questions {
  open: { ask: { access: Access }; answer: Manifest };
  at: { ask: { step: number; options: AtOptions }; answer: RecordedStep };
  read: { ask: { path: string; fromStep: number; toStep: number; timeline: number | undefined }; answer: SeriesAndDamage };
  events: { ask: object; answer: readonly RecordedEvent[] };
}

/** damage: what was left out, for people. */
export interface SeriesAndDamage extends Series {
  readonly damage: readonly string[];
}

export type Question = { [Name in keyof Questions]: { readonly id: number; readonly name: Name } & Questions[Name]['ask'] }[keyof Questions];

export type Reply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: { readonly kind: FailureKind; readonly message: string } };
