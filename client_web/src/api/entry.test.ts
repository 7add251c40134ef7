import { describe, expect, it } from 'vitest';
import { createMemory } from './memory';
import { reach } from './reach';
import { decodeTensor, halfToNumber } from './tensor';

const raw = (dtype: string, shape: number[], bytes: number[]) => ({ dtype, shape, encoding: 'RAW' as const, data: btoa(String.fromCharCode(...bytes)) });

describe('a tensor', () => {
  it.each([
    ['uint8', [1], [200], 200],
    ['int16', [1], [255, 255], -1],
    ['float32', [1], [0, 0, 128, 63], 1],
    ['float16', [1], [0, 60], 1],
    ['bfloat16', [1], [128, 63], 1],
    ['int64', [1], [254, 255, 255, 255, 255, 255, 255, 255], -2],
    ['bool', [], [1], 1],
  ])('of %s is read', (dtype, shape, bytes, value) => {
    const tensor = decodeTensor(raw(dtype, shape, bytes), 'action');

    expect(tensor.kind === 'array' && tensor.values[0]).toBe(value);
  });

  it('that breaks its promise is refused with its path', () => {
    expect(() => decodeTensor(raw('float32', [2], [0, 0, 0, 0]), 'outputs.steer')).toThrow('outputs.steer: shape [2] of float32 needs 8 bytes, got 4');
    expect(() => decodeTensor(raw('complex64', [1], []), 'x')).toThrow('dtype complex64 is unknown');
    expect(() => decodeTensor({ dtype: 'uint8', shape: [1], encoding: 'RAW', data: '***' }, 'x')).toThrow('not base64');
    expect(() => decodeTensor({ dtype: 'uint8', shape: [1], encoding: 'JPEG', data: btoa('GIF89a') }, 'env.frame')).toThrow('env.frame: encoding is JPEG');
  });

  it('of half precision keeps its special values', () => {
    expect([0x0001, 0x7c00, 0xfc00, 0xc000].map(halfToNumber)).toEqual([2 ** -24, Infinity, -Infinity, -2]);
    expect(halfToNumber(0x7e00)).toBeNaN();
  });
});

describe('whether a zoo is there', () => {
  const address = { origin: 'http://localhost:3000' };
  const never = () => Promise.reject(new TypeError('Failed to fetch'));
  const json = (body: unknown) => Promise.resolve(new Response(JSON.stringify(body)));

  it('is told from its health and its API', async () => {
    expect(await reach(address, (url) => json(url.endsWith('/graphql') ? { data: { viewer: { can: [] } } } : {}))).toEqual({ kind: 'zoo' });
  });

  it('is told from nobody, from a refusal, and from something else', async () => {
    expect((await reach(address, never)).kind).toBe('unreachable');
    expect((await reach(address, (_, init) => (init?.mode === 'no-cors' ? json({}) : never()))).kind).toBe('refused');
    expect((await reach(address, () => Promise.resolve(new Response('<!doctype html>')))).kind).toBe('stranger');
    expect((await reach(address, () => Promise.resolve(new Response('', { status: 404 })))).kind).toBe('stranger');
  });
});

describe('the zoos visited before', () => {
  it('are kept latest first, and stored nonsense is ignored', () => {
    const stored = new Map<string, string>();
    const memory = createMemory({ getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => void stored.set(key, value) });
    memory.remember({ origin: 'http://a' });
    memory.remember({ origin: 'http://b' });
    memory.remember({ origin: 'http://a' });

    expect(memory.recall().map(({ origin }) => origin)).toEqual(['http://a', 'http://b']);

    stored.set([...stored.keys()][0] ?? '', '["javascript:alert(1)", 7, "http://c"]');
    expect(memory.recall()).toEqual([{ origin: 'http://c' }]);
  });
});
