import { describe, expect, it } from 'vitest';
import { sha256Of } from './sha256';

const never = new AbortController().signal;
const bytes = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(size).map((_, place) => (place * 7919) >> 3);

async function elsewhere(data: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', data);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

describe('the SHA-256 of a file', () => {
  it.each([0, 1, 4 * 1024 * 1024, 9 * 1024 * 1024 + 7])('of %i bytes is what it is elsewhere', async (size) => {
    const data = bytes(size);
    const shares: number[] = [];
    expect(await sha256Of(new Blob([data]), (share) => shares.push(share), never)).toBe(await elsewhere(data));
    expect(shares.at(-1) ?? 1).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  it('is not waited for once nobody wants it', async () => {
    const stopping = new AbortController();
    const asked = sha256Of(new Blob([bytes(9 * 1024 * 1024)]), () => stopping.abort(), stopping.signal);
    await expect(asked).rejects.toThrow(/abort/i);
  });
});
