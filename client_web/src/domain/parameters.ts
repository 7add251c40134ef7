/** The launch form: from a parameter's description to a field, and from what was typed to a value or an error at that field. */

export interface ParameterSpec {
  readonly name: string;
  readonly type: string;
  readonly default: unknown;
  readonly description: string | null;
  readonly display: string | null;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly choices: readonly unknown[] | null;
  readonly required: boolean;
}

export type FieldKind = 'slider' | 'number' | 'choice' | 'switch' | 'text' | 'json';

/** What a field holds while people edit it: text, as typed; switches hold a boolean. */
export type Draft = string | boolean;
export type Drafts = Readonly<Record<string, Draft>>;

export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

export function fieldKind(spec: ParameterSpec): FieldKind {
  if (spec.choices !== null) return 'choice';
  switch (spec.type) {
    case 'int':
    case 'float':
      return spec.minimum !== null && spec.maximum !== null ? 'slider' : 'number';
    case 'bool':
      return 'switch';
    case 'json':
      return 'json';
    default:
      return 'text';
  }
}

export function label(spec: ParameterSpec): string {
  return spec.display ?? spec.name.replaceAll('_', ' ').replace(/^./, (first) => first.toUpperCase());
}

/** What the field shows before anybody touches it. */
export function firstDraft(spec: ParameterSpec): Draft {
  const value = spec.default;
  switch (fieldKind(spec)) {
    case 'switch':
      return value === true;
    case 'choice':
      return value === null || value === undefined ? '' : JSON.stringify(value);
    case 'json':
      return value === null || value === undefined ? '' : JSON.stringify(value, null, 1);
    case 'slider':
    case 'number':
    case 'text':
      return value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  }
}

/** `given`: values by name, which come before the defaults. */
export function firstDrafts(specs: readonly ParameterSpec[], given?: unknown): Drafts {
  const values = new Map(typeof given === 'object' && given !== null ? Object.entries(given) : []);
  return Object.fromEntries(specs.map((spec) => [spec.name, firstDraft(values.has(spec.name) ? { ...spec, default: values.get(spec.name) } : spec)]));
}

/** A slider's step: whole numbers for int, else a fine fraction of the range on a round number. */
export function sliderStep(spec: ParameterSpec): number {
  if (spec.type === 'int') return 1;
  const range = (spec.maximum ?? 1) - (spec.minimum ?? 0);
  return range > 0 ? 10 ** Math.floor(Math.log10(range / 200)) : 0.01;
}

/** The range in words: "1 to 10", "at least 0"; undefined where there is none. */
export function rangeText(spec: ParameterSpec): string | undefined {
  const { minimum, maximum } = spec;
  if (minimum !== null && maximum !== null) return `${minimum} to ${maximum}`;
  if (minimum !== null) return `at least ${minimum}`;
  if (maximum !== null) return `at most ${maximum}`;
  return undefined;
}

/** Undefined as value: not given, the default holds. */
export function parseDraft(spec: ParameterSpec, draft: Draft): Parsed {
  if (typeof draft === 'boolean') return { ok: true, value: draft };
  const text = draft.trim();
  if (text === '' && fieldKind(spec) !== 'text') {
    return spec.required ? fail(`${label(spec)} is needed`) : { ok: true, value: undefined };
  }
  switch (fieldKind(spec)) {
    case 'choice':
    case 'json':
      try {
        return { ok: true, value: JSON.parse(text) as unknown };
      } catch (error) {
        return fail(`not valid JSON: ${error instanceof Error ? error.message : text}`);
      }
    case 'slider':
    case 'number':
      return parseNumber(spec, text);
    case 'text':
      if (draft === '' && spec.required) return fail(`${label(spec)} is needed`);
      return { ok: true, value: draft === '' && spec.default === null ? undefined : draft };
    case 'switch':
      return { ok: true, value: text === 'true' };
  }
}

function parseNumber(spec: ParameterSpec, text: string): Parsed {
  const value = Number(text);
  if (Number.isNaN(value)) return fail(`“${text}” is not a number`);
  if (spec.type === 'int' && !Number.isInteger(value)) return fail(`${text} is not a whole number`);
  if ((spec.minimum !== null && value < spec.minimum) || (spec.maximum !== null && value > spec.maximum)) {
    return fail(`${text} is out of range: ${rangeText(spec) ?? ''}`);
  }
  return { ok: true, value };
}

function fail(message: string): Parsed {
  return { ok: false, message };
}

export interface Collected {
  readonly values: Readonly<Record<string, unknown>>;
  readonly errors: Readonly<Record<string, string>>;
}

/** Reads all fields: values by name, and one message for each field that cannot be read. */
export function collect(specs: readonly ParameterSpec[], drafts: Drafts): Collected {
  const values: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const spec of specs) {
    const parsed = parseDraft(spec, drafts[spec.name] ?? firstDraft(spec));
    if (!parsed.ok) errors[spec.name] = parsed.message;
    else if (parsed.value !== undefined) values[spec.name] = parsed.value;
  }
  return { values, errors };
}

/** Errors by the names of fields, as the API would name them below `prefix`. */
export function under(prefix: string, errors: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(errors).map(([name, message]) => [`${prefix}.${name}`, message]));
}

export interface PathError {
  readonly message: string;
  readonly path: readonly string[] | null;
}

/**
 * Sorts the server's errors to where they belong: `parameters.<name>` and `environmentParameters.<name>` to the fields, other
 * input fields by their name, and what names no field to `""`.
 */
export function errorsByField(errors: readonly PathError[]): Readonly<Record<string, string>> {
  const sorted: Record<string, string> = {};
  for (const error of errors) {
    const path = error.path ?? [];
    const inside = path[0] === 'input' ? path.slice(1) : path;
    const key = inside.join('.');
    sorted[key] = key in sorted ? `${sorted[key] ?? ''}\n${error.message}` : error.message;
  }
  return sorted;
}
