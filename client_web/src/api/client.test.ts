import { gql } from '@urql/core';
import { describe, expect, it } from 'vitest';
import { createZoo, ZooError } from './client';

const question = gql<{ count: number }, Record<string, never>>('{ count }');
const json = (body: unknown): Response => new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } });

describe('a zoo that is asked', () => {
  it('is asked again while it has not answered yet: what was asked for later may know more', async () => {
    const waiting: ((answer: Response) => void)[] = [];
    const zoo = createZoo({ origin: 'http://zoo.test' }, () => new Promise((resolve) => waiting.push(resolve)));
    const first = zoo.query(question, {});
    const second = zoo.query(question, {});
    await expect.poll(() => waiting.length).toBe(2);
    waiting.forEach((answer, place) => answer(json({ data: { count: place + 1 } })));

    expect(await Promise.all([first, second])).toEqual([{ count: 1 }, { count: 2 }]);
  });

  it('says in words why it has no answer', async () => {
    const refusing = createZoo({ origin: 'http://zoo.test' }, () => Promise.resolve(json({ errors: [{ message: 'too many', extensions: { code: 'LIMIT_REACHED' } }] })));
    await expect(refusing.query(question, {})).rejects.toEqual(new ZooError('too many', 'LIMIT_REACHED'));
    const gone = createZoo({ origin: 'http://zoo.test' }, () => Promise.reject(new TypeError('fetch failed')));
    await expect(gone.query(question, {})).rejects.toThrow('http://zoo.test does not answer');
  });
});
