import { describe, expect, it } from 'vitest';
import { parseAddress } from './address';
import { formatBytes, formatCount, formatNumber, formatRate, formatSeconds } from './format';
import { acknowledgement, offers } from './phase';
import { LAST_POSITION, positionOf, rateAt } from './rate';
import { roster } from './roster';

describe('numbers', () => {
  it.each([
    [0, '0'],
    [12, '12'],
    [123456, '123,456'],
    [0.12345, '0.1235'],
    [-3.14159, '−3.142'],
    [1.5e9, '1.50e+9'],
    [NaN, 'NaN'],
    [-Infinity, '−∞'],
    [undefined, '–'],
  ])('%s is written %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it('are short where they would be long', () => {
    expect(formatCount(1_234_567)).toBe('1.2M');
    expect(formatRate(12_345)).toBe('12.3K/s');
    expect(formatSeconds(7200)).toBe('2 h');
  });

  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1 kB'],
    [12_345, '12.3 kB'],
    [999_999, '1 MB'],
    [20_000_000, '20 MB'],
    [3.2e15, '3,200 TB'],
  ])('%s bytes are written %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('an address', () => {
  it('may be a host, a host with a port, or a whole URL; the port field wins', () => {
    const origin = (url: string, port: string) => {
      const parsed = parseAddress(url, port);
      return parsed.ok ? parsed.address.origin : parsed.field;
    };

    expect(origin('localhost', '3000')).toBe('http://localhost:3000');
    expect(origin('zoo.example.org:81', '')).toBe('http://zoo.example.org:81');
    expect(origin('https://zoo.example.org/graphql', '')).toBe('https://zoo.example.org');
    expect(origin('localhost:1', '99999')).toBe('port');
    expect(origin('', '1')).toBe('url');
    expect(origin('http://', '')).toBe('url');
  });
});

describe('what is offered', () => {
  const instance = { phase: 'RUNNING', desiredPhase: 'RUNNING', viewerCan: ['SEE', 'CONTROL', 'DELETE'] } as const;

  it('follows what was asked, so that a button answers at once', () => {
    expect(offers(instance)).toMatchObject({ pause: true, resume: false, step: false, remove: false });
    expect(offers({ ...instance, desiredPhase: 'PAUSED' })).toMatchObject({ pause: false, resume: true, step: false });
    expect(offers({ ...instance, desiredPhase: 'PAUSED', phase: 'PAUSED' })).toMatchObject({ step: true });
  });

  it('is nothing but deletion when it has ended, and nothing for those who only look', () => {
    expect(offers({ ...instance, phase: 'FAILED' })).toMatchObject({ pause: false, terminate: false, remove: true });
    expect(Object.values(offers({ ...instance, viewerCan: ['SEE'] })).some(Boolean)).toBe(false);
  });
});

describe('an acknowledgement', () => {
  it('is awaited until the runner has followed, then names the step', () => {
    const asked = { phase: 'RUNNING', generation: 4, observedGeneration: 3, acknowledgedAtStep: 10 } as const;

    expect(acknowledgement(asked)?.pending).toBe(true);
    expect(acknowledgement({ ...asked, observedGeneration: 4 })?.text).toBe('acknowledged at step 10');
    expect(acknowledgement({ ...asked, phase: 'TERMINATED' })).toBeUndefined();
  });
});

describe('the speed slider', () => {
  it('finds each of its stops again, and has no limit at its end', () => {
    for (let position = 0; position <= LAST_POSITION; position++) expect(positionOf(rateAt(position))).toBe(position);
    expect(rateAt(LAST_POSITION)).toBeNull();
  });
});

describe('the roster', () => {
  const listed = (id: string, phase: 'RUNNING' | 'FAILED', createdAt: string) => ({ id, name: `animal ${id}`, modelName: 'Balancer', phase, tags: ['night'], createdAt });
  const all = [listed('b', 'RUNNING', '2'), listed('a', 'RUNNING', '1'), listed('c', 'FAILED', '3')];

  it('lists the living in the order of their birth and the ended apart', () => {
    const { alive, ended } = roster(all, '');

    expect(alive.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(ended.map(({ id }) => id)).toEqual(['c']);
  });

  it('is searched by all words, in name, model and tags', () => {
    expect(roster(all, 'NIGHT b').alive.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(roster(all, 'animal nothing').alive).toEqual([]);
  });
});
