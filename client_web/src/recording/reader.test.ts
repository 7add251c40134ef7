/// <reference types="node" />
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBlock } from './block';
import { crc32 } from './crc32';
import type { RecordingError } from './failure';
import { RecordingReader, merged } from './reader';
import { httpSource, type Source } from './source';

const folder = fileURLToPath(new URL('../../../tests/unit/recording/golden', import.meta.url));

/** The golden recording, whose objects a test may alter. */
const altered =
  (change: (name: string, bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> | undefined): Source =>
  async (name, place) => {
    const bytes = change(name, new Uint8Array(await readFile(`${folder}/${name}`)));
    if (bytes === undefined) throw Object.assign(new Error(`${name} is not there.`), { kind: 'missing' });
    return place === undefined ? bytes : bytes.slice(place.start, place.stop);
  };

const edited = (edit: (manifest: Record<string, unknown>) => void): Source =>
  altered((name, bytes) => {
    if (name !== 'manifest.json') return bytes;
    const manifest = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    edit(manifest);
    return new TextEncoder().encode(JSON.stringify(manifest));
  });

describe('what is wrong with a recording', () => {
  it('is told of a format that is newer', async () => {
    await expect(RecordingReader.open(edited((manifest) => (manifest['version'] = 2)))).rejects.toMatchObject({ kind: 'newer' });
  });

  it('is told of a manifest that is none', async () => {
    await expect(RecordingReader.open(edited((manifest) => delete manifest['format']))).rejects.toMatchObject({ kind: 'damaged' });
    await expect(RecordingReader.open(edited((manifest) => (manifest['segments'] = [{}])))).rejects.toMatchObject({ kind: 'damaged' });
    await expect(RecordingReader.open(altered(() => new Uint8Array([123])))).rejects.toMatchObject({ kind: 'damaged' });
  });

  it('is told of names and numbers that nobody writes', async () => {
    for (const lie of [{ name: '../a' }, { name: '..' }, { name: '' }, { timeline: -1 }, { number: 0.5 }, { batches: [[0, 1, 2 ** 40, 0, 0]] }]) {
      const told = edited((manifest) => Object.assign((manifest['segments'] as object[])[0] ?? {}, lie));
      await expect(RecordingReader.open(told), JSON.stringify(lie)).rejects.toMatchObject({ kind: 'damaged' });
    }
  });

  it('is told of a block that wants more memory than its values take, before that is taken', () => {
    const signal = { path: 'a', dtype: 'float32', shape: [3], kind: 'vector' } as const;
    for (const [flags, count, size] of [
      [1, 2, 0xffffffff],
      [0, 2, 23],
      [8, 2, 7],
      [8, 0xffffffff, 0xffffffff],
      [9, 1, 0x7fffffff],
    ] as const) {
      const block = new Uint8Array(16);
      const head = new DataView(block.buffer);
      head.setUint8(0, 1);
      head.setUint8(1, flags);
      head.setUint32(4, count, true);
      head.setUint32(8, size, true);
      head.setUint32(12, crc32(new Uint8Array(), crc32(block.subarray(0, 12))), true);
      expect(() => readBlock(block, signal, 2)).toThrow(/says that it has/);
    }
  });

  it('is told of a segment that was cut, and the others are read', async () => {
    const reader = await RecordingReader.open(altered((name, bytes) => (name === '000000.mcap' ? bytes.slice(0, 9000) : bytes)));
    await expect(reader.at(3)).rejects.toMatchObject({ kind: 'damaged' });
    await expect(reader.read('inputs.picture')).rejects.toThrow(/000000\.mcap, steps 0 to 39 of timeline 1: it is cut/);
    expect((await reader.at(44)).step).toBe(44);

    const damage: RecordingError[] = [];
    const series = await reader.read('inputs.picture', 0, 1000, { onDamage: (reason) => damage.push(reason) });
    expect(damage).toHaveLength(1);
    expect([...series.steps]).toEqual(Array.from({ length: 15 }, (_, index) => 30 + index));
  });

  it('is told of any byte of a block that was altered', async () => {
    const whole = await RecordingReader.open(altered((_, bytes) => bytes));
    const place = whole.manifest.segments[0]?.places[0]?.[3];
    const path = whole.manifest.signals[3]?.path ?? '';
    if (place === undefined) throw new Error('the golden recording is another');
    for (let at = place.start; at < place.stop; at++) {
      const reader = await RecordingReader.open(altered((name, bytes) => (name === '000000.mcap' ? bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)) : bytes)));
      await expect(reader.read(path)).rejects.toMatchObject({ kind: 'damaged' });
    }
  });

  it('is told of a signal that is not recorded', async () => {
    const reader = await RecordingReader.open(altered((_, bytes) => bytes));
    await expect(reader.read('inputs.smell')).rejects.toMatchObject({ kind: 'absent' });
  });
});

describe('reading over HTTP', () => {
  let server: Server;
  let baseUrl = '';
  let asked: (string | undefined)[] = [];
  let answer: 'ranges' | 'all' | number = 'ranges';

  beforeEach(async () => {
    asked = [];
    answer = 'ranges';
    server = createServer((request, response) => {
      asked.push(request.headers.range);
      void (async () => {
        if (typeof answer === 'number') return response.writeHead(answer).end('no');
        if (request.headers.authorization !== 'Share token') return response.writeHead(403).end();
        const bytes = await readFile(folder + (request.url ?? '').replace('/rec', '')).catch(() => undefined);
        if (bytes === undefined) return response.writeHead(404).end();
        const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
        if (range === null || answer === 'all') return response.writeHead(200).end(bytes);
        return response.writeHead(206).end(bytes.subarray(Number(range[1]), Number(range[2]) + 1));
      })();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    baseUrl = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}/rec/` : '';
  });

  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const open = (): Promise<RecordingReader> => RecordingReader.open(httpSource({ baseUrl, headers: { Authorization: 'Share token' } }));

  it('takes one request to open, two at most for a step, and none for those beside it', async () => {
    const reader = await open();
    expect(asked).toEqual([undefined]);
    await reader.at(5);
    const first = asked.length - 1;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(2);
    await reader.at(6);
    await reader.at(31, { timeline: 1 });
    expect(asked).toHaveLength(1 + first);
    expect(asked.slice(1).every((range) => range?.startsWith('bytes='))).toBe(true);
  });

  it('fetches no more than the signals that are wanted', async () => {
    const reader = await open();
    const found = await reader.at(5, { paths: ['env.reward'] });
    expect([...found.values.keys()].sort()).toEqual(['env.reward', 'zoo.steps', 'zoo.times']);
    const [, start, stop] = /(\d+)-(\d+)/.exec(asked[1] ?? '') ?? [];
    expect(Number(stop) - Number(start)).toBeLessThan(4000);
  });

  it('bears a server that knows no ranges', async () => {
    answer = 'all';
    expect((await (await open()).at(7)).step).toBe(7);
  });

  it('tells what became of a request', async () => {
    const reader = await open();
    for (const [status, kind] of [[403, 'refused'], [404, 'missing'], [500, 'unreachable'], [416, 'damaged']] as const) {
      answer = status;
      await expect(reader.at(5)).rejects.toMatchObject({ kind });
    }
    await new Promise((resolve) => server.close(resolve));
    await expect(RecordingReader.open(httpSource({ baseUrl, headers: {} }))).rejects.toMatchObject({ kind: 'unreachable' });
  });
});

describe('ranges', () => {
  it('are asked for together when they are near, or when there would be too many', () => {
    const places = [0, 100, 1_000_000, 3_000_000].map((start) => ({ start, stop: start + 50 }));
    expect(merged(places, Infinity)).toEqual([
      { start: 0, stop: 150 },
      { start: 1_000_000, stop: 1_000_050 },
      { start: 3_000_000, stop: 3_000_050 },
    ]);
    expect(merged(places, 2)).toEqual([
      { start: 0, stop: 1_000_050 },
      { start: 3_000_000, stop: 3_000_050 },
    ]);
  });
});

describe('crc32', () => {
  it('is that of zlib, also piece by piece', () => {
    const bytes = new TextEncoder().encode('123456789');
    expect(crc32(bytes)).toBe(0xcbf43926);
    expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4)))).toBe(0xcbf43926);
  });
});
