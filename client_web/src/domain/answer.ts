/** Asking a model without a world: what people type for an input, and what the model's values look like in words. */
import { sizeOf, type Modality } from './modality';
import type { Parsed } from './parameters';

export type InputKind = 'text' | 'number' | 'choice' | 'picture' | 'list';

export function inputKind(modality: Modality): InputKind {
  switch (modality.kind) {
    case 'TEXT':
      return 'text';
    case 'DISCRETE':
      return modality.labels === null ? 'number' : 'choice';
    case 'SCALAR':
      return 'number';
    case 'IMAGE':
      return 'picture';
    case 'VECTOR':
    case 'MULTI_DISCRETE':
    case 'AUDIO':
    case 'TREE':
      return 'list';
  }
}

/** What an input's field holds at first. */
export function firstInput(modality: Modality): string {
  switch (inputKind(modality)) {
    case 'text':
      return typeof modality.neutral === 'string' ? modality.neutral : '';
    case 'choice':
    case 'number':
      return String(typeof modality.neutral === 'number' ? modality.neutral : 0);
    case 'picture':
      return '';
    case 'list':
      return JSON.stringify(Array.isArray(modality.neutral) ? modality.neutral : neutralList(modality));
  }
}

function neutralList(modality: Modality): unknown {
  if (modality.kind === 'TREE') return {};
  const fill = typeof modality.neutral === 'number' ? modality.neutral : 0;
  const nest = (shape: readonly (number | null)[]): unknown => {
    const [size, ...rest] = shape;
    return size === undefined ? fill : Array.from({ length: size ?? 1 }, () => nest(rest));
  };
  return sizeOf(modality.shape) <= 4096 ? nest(modality.shape) : [];
}

export function parseInput(modality: Modality, text: string): Parsed {
  switch (inputKind(modality)) {
    case 'text':
      return { ok: true, value: text };
    case 'choice':
    case 'number': {
      const value = Number(text);
      if (text.trim() === '' || Number.isNaN(value)) return { ok: false, message: `“${text}” is not a number` };
      if (modality.kind === 'DISCRETE' && !Number.isInteger(value)) return { ok: false, message: `${text} is not a whole number` };
      return { ok: true, value };
    }
    case 'picture':
    case 'list':
      if (text.trim() === '') return { ok: false, message: modality.kind === 'IMAGE' ? 'Choose a picture' : 'Enter a list of numbers' };
      try {
        return { ok: true, value: JSON.parse(text) as unknown };
      } catch {
        return { ok: false, message: 'This is not valid JSON: write numbers in brackets, for instance [0, 0.5]' };
      }
  }
}

/** A model's output in words. */
export function outputText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, (_, part: unknown) => (typeof part === 'number' ? Number(part.toPrecision(6)) : part));
}
