import { describe, expect, it } from 'vitest';
import { collect, errorsByField, fieldKind, firstDraft, firstDrafts, parseDraft, rangeText, sliderStep, type ParameterSpec } from './parameters';

function spec(parts: Partial<ParameterSpec>): ParameterSpec {
  return { name: 'x', type: 'float', default: null, description: null, display: null, minimum: null, maximum: null, choices: null, required: false, ...parts };
}

describe('a parameter as a field', () => {
  it('is a slider where both ends of a number are known', () => {
    expect(fieldKind(spec({ minimum: 0, maximum: 1 }))).toBe('slider');
    expect(fieldKind(spec({ minimum: 0 }))).toBe('number');
  });

  it('is a choice whenever there are choices, whatever its type', () => {
    expect(fieldKind(spec({ type: 'int', minimum: 1, maximum: 4, choices: [1, 2, 4] }))).toBe('choice');
  });

  it('is drawn by type otherwise', () => {
    expect(['bool', 'str', 'json', 'int'].map((type) => fieldKind(spec({ type })))).toEqual(['switch', 'text', 'json', 'number']);
  });

  it('starts with its default', () => {
    expect(firstDraft(spec({ default: 0.003 }))).toBe('0.003');
    expect(firstDraft(spec({ type: 'bool', default: true }))).toBe(true);
    expect(firstDraft(spec({ choices: ['a', 'b'], default: 'b' }))).toBe('"b"');
    expect(firstDraft(spec({ type: 'json', default: { a: 1 } }))).toContain('"a": 1');
  });

  it('starts with what was given instead, where something was', () => {
    const specs = [spec({ name: 'rate', default: 0.1 }), spec({ name: 'size', type: 'int', default: 64 })];
    expect(firstDrafts(specs)).toEqual({ rate: '0.1', size: '64' });
    expect(firstDrafts(specs, { size: 128, gone: 1 })).toEqual({ rate: '0.1', size: '128' });
    expect(firstDrafts(specs, null)).toEqual(firstDrafts(specs));
  });

  it('steps a slider finely enough, and whole numbers by one', () => {
    expect(sliderStep(spec({ type: 'int', minimum: 1, maximum: 10 }))).toBe(1);
    expect(sliderStep(spec({ minimum: 0, maximum: 1 }))).toBeCloseTo(0.001);
  });

  it('says its range in words', () => {
    expect(rangeText(spec({ minimum: 1, maximum: 10 }))).toBe('1 to 10');
    expect(rangeText(spec({ minimum: 0 }))).toBe('at least 0');
    expect(rangeText(spec({}))).toBeUndefined();
  });
});

describe('what was typed', () => {
  it('becomes a value of the parameter’s type', () => {
    expect(parseDraft(spec({}), ' 1e-3 ')).toEqual({ ok: true, value: 0.001 });
    expect(parseDraft(spec({ type: 'json' }), '[1, 2]')).toEqual({ ok: true, value: [1, 2] });
    expect(parseDraft(spec({ choices: [1, 2] }), '2')).toEqual({ ok: true, value: 2 });
    expect(parseDraft(spec({ type: 'bool' }), false)).toEqual({ ok: true, value: false });
  });

  it('is not given when it is empty, so that the default holds', () => {
    expect(parseDraft(spec({}), '')).toEqual({ ok: true, value: undefined });
  });

  it.each([
    ['no number', spec({}), 'fast'],
    ['a fraction for an int', spec({ type: 'int' }), '1.5'],
    ['a value out of range', spec({ minimum: 0, maximum: 1 }), '2'],
    ['nothing where something is needed', spec({ required: true }), ' '],
    ['broken JSON', spec({ type: 'json' }), '{'],
  ])('is refused when it is %s', (_, parameter, draft) => {
    expect(parseDraft(parameter, draft).ok).toBe(false);
  });

  it('is collected with one message per wrong field', () => {
    const specs = [spec({ name: 'a' }), spec({ name: 'b', type: 'int' })];

    expect(collect(specs, { a: '1', b: 'x' })).toEqual({ values: { a: 1 }, errors: { b: '“x” is not a number' } });
  });
});

describe('errors of the server', () => {
  it('go to the field that their path names, and the rest to the form', () => {
    const sorted = errorsByField([
      { message: 'too big', path: ['input', 'parameters', 'depth'] },
      { message: 'also odd', path: ['input', 'parameters', 'depth'] },
      { message: 'no room', path: null },
    ]);

    expect(sorted).toEqual({ 'parameters.depth': 'too big\nalso odd', '': 'no room' });
  });
});
