import { describe, expect, it } from 'vitest';
import { loadPage } from './pages';

const gone = (): Promise<never> => Promise.reject(new TypeError('Failed to fetch dynamically imported module'));

function surroundings({ reachable = true } = {}) {
  const kept = new Map<string, string>();
  const seen = { reloads: 0 };
  return {
    seen,
    reachable: () => Promise.resolve(reachable),
    reload: () => void (seen.reloads += 1),
    memory: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    },
  };
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe('a page whose file is gone', () => {
  it('is loaded with the whole client anew, once', async () => {
    const around = surroundings();
    void loadPage('world', gone, around);
    await settle();
    expect(around.seen.reloads).toBe(1);

    await expect(loadPage('world', gone, around)).rejects.toThrow('Failed to fetch');
    expect(around.seen.reloads).toBe(1);
  });

  it('is loaded anew again when it has been there in between', async () => {
    const around = surroundings();
    void loadPage('world', gone, around);
    await settle();
    expect(await loadPage('world', () => Promise.resolve('page'), around)).toBe('page');
    void loadPage('world', gone, around);
    await settle();
    expect(around.seen.reloads).toBe(2);
  });

  it('is not loaded anew while nothing can be fetched', async () => {
    const around = surroundings({ reachable: false });
    await expect(loadPage('world', gone, around)).rejects.toThrow('Failed to fetch');
    expect(around.seen.reloads).toBe(0);
  });
});
