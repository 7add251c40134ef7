import { describe, expect, it } from 'vitest';
import { fileProblem, modelName } from './upload';

describe('a file that becomes a model', () => {
  it.each(['walker.pkl', 'Walker.PICKLE', 'folder.tar.zip'])('may be %s', (name) => {
    expect(fileProblem({ name, size: 1 })).toBeUndefined();
  });

  it.each([
    ['walker.py', 1, /none of \.pkl/],
    ['walker', 1, /none of/],
    ['walker.pkl', 0, /is empty/],
  ] as const)('may not be %s of %i bytes', (name, size, problem) => {
    expect(fileProblem({ name, size })).toMatch(problem);
  });

  it.each([
    ['tiny_walker-2.pkl', 'tiny_walker-2'],
    ['größe.zip', 'größe'],
    ['CamelCase.v1.pickle', 'CamelCase.v1'],
    ['.pkl', ''],
  ])('%s is called %s unless it is called something else', (filename, name) => {
    expect(modelName(filename)).toBe(name);
  });
});
