/** Runs only against a zoo that is given by VITE_ZOO_URL: tests/e2e/test_streams.py starts one whose streams rotate and break. */
import { describe, expect, it } from 'vitest';
import { LiveZoo } from './zoo';
import { sseStreams } from './transport';

const given = import.meta.env as Readonly<Record<string, string | undefined>>;
const { VITE_ZOO_URL: ZOO_URL, VITE_ZOO_LAST_LINE: ZOO_LAST_LINE, VITE_ZOO_LINES: ZOO_LINES, VITE_ZOO_EVENTS: ZOO_EVENTS } = given;

describe.skipIf(ZOO_URL === undefined)('over streams that rotate and connections that break', () => {
  it('each line and each event comes once', { timeout: 60_000 }, async () => {
    const events: string[] = [];
    const streams = new Set<unknown>();
    let live: LiveZoo | undefined;
    const texts = (): string[] => live?.logbook('ins_1').lines.map(({ text }) => text) ?? [];
    const open = sseStreams(ZOO_URL ?? '');
    await new Promise<void>((done) => {
      live = new LiveZoo(
        (input, sink) => {
          streams.add(sink);
          return open(input, sink);
        },
        {
          timers: { set: (callback, milliseconds) => setTimeout(callback, milliseconds), clear: (handle) => clearTimeout(handle as number) },
          now: () => performance.now(),
          decodePicture: () => Promise.reject(new Error('no pictures here')),
        },
      );
      const check = (): void => {
        if (texts().includes(ZOO_LAST_LINE ?? '') && events.length >= Number(ZOO_EVENTS)) done();
      };
      live.onEvent(({ id }) => {
        events.push(id);
        check();
      });
      live.on('log:ins_1', check);
      live.on('stream', () => {
        if (live?.streamState.kind === 'live' && texts().length === 0) console.log('watching');
      });
      live.watch({ instanceIds: ['ins_1'], logs: ['ins_1'] });
    });
    live?.close();

    expect(streams.size).toBeGreaterThan(5);
    expect(new Set(events).size).toBe(events.length);
    expect(events).toHaveLength(Number(ZOO_EVENTS));
    expect([...texts()].sort()).toEqual(Array.from({ length: Number(ZOO_LINES) }, (_, i) => `line ${i}`).sort());
  });
});
