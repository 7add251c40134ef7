import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { NumberField } from './NumberField';

const drawn = (parts: Partial<Parameters<typeof NumberField>[0]>): string => renderToStaticMarkup(createElement(NumberField, { label: 'Factor', value: '0.5', onChange: () => undefined, ...parts }));

describe('a number', () => {
  it('is slid within its bounds, and typed anyway', () => {
    const markup = drawn({ range: { low: 0, high: 2, step: 0.01 } });

    expect(markup).toMatch(/<input type="range" aria-label="Factor, slider" min="0" max="2" step="0.01" value="0.5"\/>/);
    expect(markup).toMatch(/inputMode="decimal"[^>]*value="0.5"/);
  });

  it('is only typed where it has none, and says beside it what is wrong', () => {
    const markup = drawn({ value: 'much', error: 'that is not a number' });

    expect(markup).not.toContain('range');
    expect(markup).toMatch(/aria-invalid="true"/);
    expect(markup).toContain('that is not a number');
  });

  it('leaves the slider at its beginning while what is typed is no number', () => {
    expect(drawn({ value: '', range: { low: -1, high: 1, step: 0.1 } })).toMatch(/type="range"[^>]*value="-1"/);
  });
});
