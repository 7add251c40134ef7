/// <reference types="node" />
import { open, readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { FLAGS, RecordingReader, type RecordedValue } from './reader';
import type { Source } from './source';

// Written by Python: once, and by its tests on each run.
const folder = process.env['ZOO_RECORDING'] ?? fileURLToPath(new URL('../../../tests/unit/recording/golden', import.meta.url));

type Row = readonly [step: number, timeline: number, value: unknown];

let asked = 0;

const files: Source = async (name, place) => {
  asked += 1;
  const path = `${folder}/${name}`;
  if (place === undefined) return new Uint8Array(await readFile(path));
  const bytes = new Uint8Array(Math.min(place.stop, (await stat(path)).size) - place.start);
  const file = await open(path);
  try {
    await file.read(bytes, 0, bytes.length, place.start);
  } finally {
    await file.close();
  }
  return bytes;
};

const plain = (value: RecordedValue): unknown => (value.kind === 'array' ? [...value.values] : value.kind === 'text' ? value.text : value.json);

describe('a recording that Python wrote', () => {
  let expected: Readonly<Record<string, readonly Row[]>>;
  let reader: RecordingReader;

  beforeAll(async () => {
    expected = JSON.parse(await readFile(`${folder}/expected.json`, 'utf8')) as Record<string, Row[]>;
    reader = await RecordingReader.open(files);
  });

  it('has every signal', () => {
    expect(reader.manifest.signals.map(({ path }) => path)).toEqual(['zoo.steps', 'zoo.times', ...Object.keys(expected)]);
    expect(reader.manifest.steps).toBe(expected[FLAGS]?.length);
  });

  it('is read as series', async () => {
    for (const [path, rows] of Object.entries(expected)) {
      const series = await reader.read(path);
      expect([...series.steps], path).toEqual(rows.map(([step]) => step));
      expect([...series.timelines], path).toEqual(rows.map(([, timeline]) => timeline));
      const kind = series.signal.kind;
      const values = kind === 'json' ? [...series.values].map((text) => JSON.parse(String(text)) as unknown) : [...series.values];
      expect(values, path).toEqual(kind === 'json' || kind === 'text' ? rows.map(([, , value]) => value) : rows.flatMap(([, , value]) => value));
    }
  });

  it('is read step by step, with two requests at most', async () => {
    for (const [step, timeline] of expected[FLAGS] ?? []) {
      const fresh = await RecordingReader.open(files);
      asked = 0;
      const found = await fresh.at(step, { timeline });
      expect(asked).toBeLessThanOrEqual(2);
      expect([found.step, found.timeline]).toEqual([step, timeline]);
      expect(found.time).toBeGreaterThan(Date.UTC(2026, 0));
      for (const [path, rows] of Object.entries(expected)) {
        const row = rows.find((one) => one[0] === step && one[1] === timeline);
        const value = found.values.get(path);
        expect(value && plain(value), `${path} at ${step}`).toEqual(row?.[2]);
      }
    }
  });

  it('says what happened', async () => {
    const events = await reader.events();
    expect(events.map(({ kind, step, timeline, data }) => ({ kind, step, timeline, data }))).toEqual([
      { kind: 'restored', step: 30, timeline: 1, data: { timeline: 1 } },
      { kind: 'restored', step: 30, timeline: 2, data: { timeline: 2 } },
    ]);
  });

  it('gives the step before one that is missing, and the first before all', async () => {
    expect((await reader.at(21, { timeline: 1 })).step).toBe(19);
    expect((await reader.at(-5)).step).toBe(0);
    const last = await reader.at(1e9);
    expect([last.step, last.timeline]).toEqual([44, 2]);
    expect((await reader.at(32)).timeline).toBe(2);
    await expect(reader.at(3, { timeline: 9 })).rejects.toMatchObject({ kind: 'absent' });
  });
});
