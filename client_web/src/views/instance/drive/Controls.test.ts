import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import type { Modality } from '../../../domain/modality';
import { Controls } from './Controls';

const drawn = (parts: Partial<Modality>): string => {
  const modality: Modality = { name: 'action', kind: 'VECTOR', shape: [2], dtype: 'float32', low: null, high: null, neutral: null, labels: null, names: null, unit: null, ...parts };
  return renderToStaticMarkup(createElement(Controls, { label: 'action', modality, keys: true, onSteer: () => undefined }));
};

describe('what drives an action', () => {
  it('is a button for each choice, with the key that does the same', () => {
    const markup = drawn({ kind: 'DISCRETE', shape: [], low: 0, high: 2, labels: ['left', 'stay', 'right'] });

    expect([...markup.matchAll(/<button[^>]*>(.*?)<kbd[^>]*>(.*?)<\/kbd>/g)].map(([, label, key]) => [label, key])).toEqual([
      ['left', '←'],
      ['stay', 'Space'],
      ['right', '→'],
    ]);
  });

  it('is a slider for each component, within its bounds and at rest', () => {
    const markup = drawn({ shape: [3], low: [-1, 0, 2], high: [1, 5, 4], names: ['yaw', 'gas', 'lift'] });

    expect([...markup.matchAll(/<span>(\w+)<\/span><input[^>]*min="([^"]*)" max="([^"]*)"[^>]*value="([^"]*)"/g)].map(([, ...parts]) => parts)).toEqual([
      ['yaw', '-1', '1', '0'],
      ['gas', '0', '5', '0'],
      ['lift', '2', '4', '2'],
    ]);
  });

  it('is a stick for two, a line to write in for words, and nothing for a picture', () => {
    expect(drawn({})).toContain('arrow keys do the same');
    expect(drawn({ kind: 'TEXT', shape: [] })).toContain('Say it');
    expect(drawn({ kind: 'IMAGE', shape: [8, 8, 3] })).toBe('');
  });
});
