import { describe, expect, it } from 'vitest';
import { planesIn, recordChoices, recordedFacts, recordedSteps, recordGlobs, recordOffers, reportText } from './recording';

const recorded = {
  phase: 'SEALED',
  firstStep: 100,
  lastStep: 2345,
  firstAt: '2026-01-01T00:00:00Z',
  lastAt: '2026-01-01T00:00:12Z',
  sizeBytes: 1_200_000,
  droppedSteps: 0,
  createdAt: '2026-01-01T00:00:00Z',
  author: { name: 'Ada' },
} as const;

describe('a recording in words', () => {
  it('tells its steps, and how long, large and old it is', () => {
    expect(recordedSteps(recorded)).toBe('steps 100 to 2,345');
    expect(recordedFacts(recorded, Date.parse('2026-01-01T00:03:00Z'))).toBe('12 s · 1.2 MB · 3 min ago · by Ada');
  });

  it('does not hide what is missing', () => {
    expect(recordedFacts({ ...recorded, droppedSteps: 1, author: null }, Date.parse(recorded.createdAt))).toBe('12 s · 1.2 MB · just now · 1 step is missing');
    expect(recordedSteps({ ...recorded, firstAt: null })).toBe('no steps yet');
  });
});

describe('what is recorded', () => {
  const choices = recordChoices((root) => ['inputs', 'action', 'weights'].includes(root));

  it('is what the instance has, and the usual unless somebody chooses', () => {
    expect(choices.map(({ label }) => label)).toEqual(['What it perceives', 'What it does', 'Weights']);
    expect(recordGlobs(choices, new Set(['What it perceives', 'What it does']))).toBeUndefined();
    expect(recordGlobs(choices, new Set(['What it does', 'Weights']))).toEqual(['action', 'weights.*']);
  });

  it('is offered to those who may edit, while steps are made', () => {
    const instance = { phase: 'RUNNING', desiredPhase: 'RUNNING', viewerCan: ['EDIT'] } as const;

    expect(recordOffers(instance)).toEqual({ start: true, saveLast: true });
    expect(recordOffers({ ...instance, viewerCan: ['CONTROL'] }).start).toBe(false);
    expect(recordOffers({ ...instance, phase: 'STARTING' }).start).toBe(false);
    expect(recordOffers({ ...instance, desiredPhase: 'TERMINATED' }).start).toBe(false);
  });
});

describe('a replay', () => {
  it.each([
    [{ comparedSteps: 1000, identical: true, first: null }, true, '1,000 steps are the same to the last bit'],
    [{ comparedSteps: 1, identical: true, first: null }, false, '1 step is the same to the last bit so far'],
    [{ comparedSteps: 312, identical: false, first: { step: 1312, path: 'outputs.action', magnitude: 0.5 } }, true, 'The first difference is in outputs.action at step 1,312, by 0.5000'],
    [{ comparedSteps: 0, identical: false, first: { step: 1, path: 'outputs.words', magnitude: 'Infinity' } }, true, 'The first difference is in outputs.words at step 1'],
    [{ comparedSteps: 0, identical: true, first: null }, false, 'Nothing is compared yet'],
  ] as const)('of which %o is known', (report, ended, words) => {
    expect(reportText(report, ended)).toBe(words);
  });

  it('can be driven by what was recorded', () => {
    expect(planesIn(['inputs.place', 'action', 'env.reward']).map(({ plane }) => plane)).toEqual(['INPUTS', 'OUTPUTS']);
  });
});
