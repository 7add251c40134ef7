/** Rules that change a signal before it is used: which fit, what people type for one, and what one that stands says. */
import { boundAt, choiceCount, choiceLabel, componentName, sizeOf, type Modality } from './modality';
import { formatNumber, formatSeconds } from './format';

export type Rule = 'SET' | 'CLAMP' | 'SCALE' | 'BLEND' | 'PATCH';

const RULE_WORDS: Readonly<Record<Rule, string>> = {
  SET: 'Set it to',
  CLAMP: 'Keep it between',
  SCALE: 'Multiply it by',
  BLEND: 'Mix it with',
  PATCH: 'Play it from a recording',
};

export function ruleLabel(rule: Rule): string {
  return RULE_WORDS[rule];
}

/** Only what is continuous can be scaled, mixed and held between bounds. `recorded`: whether there is a recording to play from. */
export function rulesFor(modality: Modality, recorded: boolean): readonly Rule[] {
  const patch = recorded ? (['PATCH'] as const) : [];
  switch (modality.kind) {
    case 'DISCRETE':
    case 'MULTI_DISCRETE':
    case 'TEXT':
    case 'TREE':
      return ['SET', ...patch];
    case 'IMAGE':
    case 'VECTOR':
    case 'SCALAR':
    case 'AUDIO':
      return ['SET', 'CLAMP', 'SCALE', 'BLEND', ...patch];
  }
}

/** As many components get a field of their own; of more, all get the same value or one is picked. */
const MOST_FIELDS = 8;

export type ValueForm =
  | { readonly kind: 'text' }
  | { readonly kind: 'json' }
  | { readonly kind: 'choice'; readonly labels: readonly string[]; readonly low: number }
  /** One field per component. */
  | { readonly kind: 'components'; readonly count: number }
  /** One field for all elements alike. */
  | { readonly kind: 'uniform' };

/** What a value of the whole signal is typed into. */
export function valueForm(modality: Modality): ValueForm {
  switch (modality.kind) {
    case 'TEXT':
      return { kind: 'text' };
    case 'TREE':
      return { kind: 'json' };
    case 'DISCRETE': {
      const count = choiceCount(modality);
      if (count === undefined) return { kind: 'components', count: 1 };
      return { kind: 'choice', labels: Array.from({ length: count }, (_, i) => choiceLabel(modality, i)), low: typeof modality.low === 'number' ? modality.low : 0 };
    }
    case 'SCALAR':
    case 'VECTOR':
    case 'MULTI_DISCRETE':
    case 'AUDIO':
    case 'IMAGE': {
      const size = sizeOf(modality.shape);
      return size <= MOST_FIELDS ? { kind: 'components', count: size } : { kind: 'uniform' };
    }
  }
}

/** Whether one element can be changed alone. */
export function hasElements(modality: Modality): boolean {
  return modality.kind !== 'TEXT' && modality.kind !== 'TREE' && sizeOf(modality.shape) > 1;
}

/** The names of the elements to pick from; undefined where an index must be typed. */
export function elementNames(modality: Modality): readonly string[] | undefined {
  const size = sizeOf(modality.shape);
  if (modality.shape.length !== 1 || size > 64) return undefined;
  return Array.from({ length: size }, (_, i) => componentName(modality, i));
}

export interface FieldRange {
  readonly low: number;
  readonly high: number;
  readonly step: number;
}

/** Between what a component's slider moves; undefined where it has no bounds. */
export function rangeOfComponent(modality: Modality, index: number): FieldRange | undefined {
  const low = boundAt(modality.low, index);
  const high = boundAt(modality.high, index);
  if (low === undefined || high === undefined || !(high > low)) return undefined;
  const whole = modality.kind === 'DISCRETE' || modality.kind === 'MULTI_DISCRETE' || /int|bool/.test(modality.dtype);
  return { low, high, step: whole ? 1 : 10 ** Math.floor(Math.log10((high - low) / 200)) };
}

export type Expiry = 'never' | 'seconds' | 'steps';

/** What the form holds while somebody edits it; numbers as they were typed. */
export interface OverrideDraft {
  readonly rule: Rule;
  readonly whole: boolean;
  /** Of one element: "3", or "0, 2" where there are two axes. */
  readonly index: string;
  /** One text per component; the first one also holds text, JSON, and the value for all elements alike. */
  readonly values: readonly string[];
  readonly low: string;
  readonly high: string;
  /** From 0, the signal itself, to 1, the value alone. */
  readonly weight: string;
  readonly nonFinite: boolean;
  readonly recordingId: string;
  readonly fromStep: string;
  readonly expiry: Expiry;
  readonly duration: string;
}

/** `current`: the newest values of the signal, which are the least surprising ones to begin with. */
export function firstOverride(modality: Modality, current: ArrayLike<number> | undefined): OverrideDraft {
  const form = valueForm(modality);
  const count = form.kind === 'components' ? form.count : 1;
  const start = (i: number): number => {
    const now = current?.[i];
    if (now !== undefined && Number.isFinite(now)) return now;
    const neutral: unknown = Array.isArray(modality.neutral) ? (modality.neutral.flat(Infinity) as unknown[])[i] : modality.neutral;
    if (typeof neutral === 'number') return neutral;
    const range = rangeOfComponent(modality, i);
    return range !== undefined && (range.low > 0 || range.high < 0) ? range.low : 0;
  };
  const written = (i: number): string => (form.kind === 'text' ? '' : form.kind === 'json' ? '{}' : form.kind === 'uniform' ? '0' : String(Number(start(i).toPrecision(4))));
  return {
    rule: 'SET',
    whole: true,
    index: elementNames(modality) === undefined ? modality.shape.map(() => '0').join(', ') : '0',
    values: Array.from({ length: count }, (_, i) => written(i)),
    low: String(boundAt(modality.low, 0) ?? -1),
    high: String(boundAt(modality.high, 0) ?? 1),
    weight: '0.5',
    nonFinite: false,
    recordingId: '',
    fromStep: '',
    expiry: 'never',
    duration: '10',
  };
}

export interface OverrideWish {
  readonly rule: Rule;
  readonly value?: unknown;
  readonly low?: unknown;
  readonly high?: unknown;
  readonly weight?: number;
  readonly index?: readonly number[];
  readonly patch?: { readonly recordingId: string; readonly fromStep: number };
  readonly allowNonFinite?: boolean;
  readonly expiresInSteps?: number;
  readonly expiresInSeconds?: number;
}

export type Wished = { readonly ok: true; readonly wish: OverrideWish } | { readonly ok: false; readonly errors: Readonly<Record<string, string>> };

/** What the zoo is asked for; or one message per field that cannot be read: value.<i>, low, high, weight, index, duration, patch. */
export function readOverride(modality: Modality, draft: OverrideDraft): Wished {
  const errors: Record<string, string> = {};
  const number = (field: string, text: string): number => {
    const value = realOf(text);
    if (value === undefined || Number.isNaN(value)) {
      if (value !== undefined && draft.nonFinite) return value;
      errors[field] = value === undefined ? `“${text}” is not a number` : 'NaN is no number: allow it first';
    } else if (!Number.isFinite(value) && !draft.nonFinite) errors[field] = 'Allow values that are not finite first';
    return value ?? NaN;
  };
  const wish: Writable<OverrideWish> = { rule: draft.rule };
  const whole = draft.whole || !hasElements(modality);
  if (!whole) {
    const index = draft.index.split(',').map((part) => part.trim());
    if (index.length !== modality.shape.length || index.some((part, axis) => !withinAxis(part, modality.shape[axis]))) {
      errors.index = `Write ${modality.shape.length === 1 ? 'a whole number' : `${modality.shape.length} whole numbers`} within ${modality.shape.map((size) => size ?? '?').join(' × ')}, counted from 0`;
    } else wish.index = index.map(Number);
  }
  if (draft.rule === 'SET' || draft.rule === 'BLEND') wish.value = valueOf(modality, draft, whole, number, errors);
  if (draft.rule === 'SCALE') wish.value = asReal(number('value.0', draft.values[0] ?? ''));
  if (draft.rule === 'CLAMP') {
    const [low, high] = [number('low', draft.low), number('high', draft.high)];
    if (low > high) errors.high = `${draft.high} is below ${draft.low}`;
    wish.low = asReal(low);
    wish.high = asReal(high);
  }
  if (draft.rule === 'BLEND') {
    const weight = number('weight', draft.weight);
    if (weight < 0 || weight > 1) errors.weight = `${draft.weight} is not between 0 and 1`;
    wish.weight = weight;
  }
  if (draft.rule === 'PATCH') {
    if (draft.recordingId === '') errors.patch = 'Choose a recording';
    wish.patch = { recordingId: draft.recordingId, fromStep: number('fromStep', draft.fromStep) };
  }
  if (draft.nonFinite) wish.allowNonFinite = true;
  if (draft.expiry !== 'never') {
    const duration = number('duration', draft.duration);
    if (!('duration' in errors) && !(duration > 0)) errors.duration = 'It must be more than 0';
    if (!('duration' in errors) && draft.expiry === 'steps' && !Number.isInteger(duration)) errors.duration = 'Steps are whole numbers';
    if (draft.expiry === 'steps') wish.expiresInSteps = duration;
    else wish.expiresInSeconds = duration;
  }
  return Object.keys(errors).length === 0 ? { ok: true, wish } : { ok: false, errors };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function valueOf(modality: Modality, draft: OverrideDraft, whole: boolean, number: (field: string, text: string) => number, errors: Record<string, string>): unknown {
  const [first = ''] = draft.values;
  if (!whole) return asReal(number('value.0', first));
  const form = valueForm(modality);
  switch (form.kind) {
    case 'text':
      return first;
    case 'json':
      try {
        return JSON.parse(first) as unknown;
      } catch {
        errors['value.0'] = 'This is not valid JSON';
        return undefined;
      }
    case 'choice':
      return number('value.0', first);
    case 'components': {
      const values = Array.from({ length: form.count }, (_, i) => asReal(number(`value.${i}`, draft.values[i] ?? '')));
      return shaped(modality.shape, (i) => values[i]);
    }
    case 'uniform':
      return asReal(number('value.0', first));
  }
}

/** Lists within lists, as deep as the shape. */
function shaped(shape: readonly (number | null)[], at: (index: number) => unknown): unknown {
  let index = 0;
  const nest = ([size, ...rest]: readonly (number | null)[]): unknown => (size === undefined ? at(index++) : Array.from({ length: size ?? 1 }, () => nest(rest)));
  return nest(shape);
}

const WRITTEN: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, infinity: Infinity, '∞': Infinity };

function realOf(text: string): number | undefined {
  const plain = text.trim().toLowerCase().replace('−', '-');
  if (plain === '') return undefined;
  const named = WRITTEN[plain.replace(/^[+-]/, '')];
  if (named !== undefined) return plain.startsWith('-') ? -named : named;
  const value = Number(plain);
  return Number.isNaN(value) ? undefined : value;
}

/** As the zoo writes numbers that JSON does not know. */
function asReal(value: number): number | string {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

function withinAxis(part: string, size: number | null | undefined): boolean {
  const index = Number(part);
  return part !== '' && Number.isInteger(index) && index >= 0 && (size === null || size === undefined || index < size);
}

export interface Standing {
  readonly path: string;
  readonly rule: Rule;
  readonly value: unknown;
  readonly low: unknown;
  readonly high: unknown;
  readonly weight: number | null;
  readonly index: readonly number[] | null;
  readonly expiresAt: string | null;
  readonly expiresAtStep: number | null;
}

/** "set to 0.5", "kept between −1 and 1", "multiplied by 2", "mixed with 30 % of 1"; choices by their names. */
export function standingText({ rule, value, low, high, weight, index }: Standing, modality?: Modality): string {
  const where = index === null || index.length === 0 ? '' : `element ${index.join(', ')} `;
  switch (rule) {
    case 'SET':
      return `${where}set to ${modality?.kind === 'DISCRETE' && typeof value === 'number' ? choiceLabel(modality, value - (typeof modality.low === 'number' ? modality.low : 0)) : short(value)}`;
    case 'CLAMP':
      return `${where}kept between ${short(low)} and ${short(high)}`;
    case 'SCALE':
      return `${where}multiplied by ${short(value)}`;
    case 'BLEND':
      return `${where}mixed with ${Math.round((weight ?? 0) * 100)} % of ${short(value)}`;
    case 'PATCH':
      return `${where}played from a recording`;
  }
}

/** "for 12 s more", "until step 1,200"; undefined where it stands until somebody clears it. */
export function expiryText({ expiresAt, expiresAtStep }: Pick<Standing, 'expiresAt' | 'expiresAtStep'>, nowMs: number): string | undefined {
  if (expiresAtStep !== null) return `until step ${expiresAtStep.toLocaleString('en')}`;
  if (expiresAt === null) return undefined;
  return `for ${formatSeconds(Math.max(0, (Date.parse(expiresAt) - nowMs) / 1000))} more`;
}

const LONGEST_TEXT = 40;

function short(value: unknown): string {
  if (typeof value === 'number') return formatNumber(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null, (_, part: unknown) => (typeof part === 'number' ? Number(part.toPrecision(4)) : part));
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
}
