/** The zoos that this browser has visited. What is stored may be old or somebody else's, so it is checked when read. */
import type { ZooAddress } from '../domain/address';

const KEY = 'zookeeper.zoos';
const MOST = 8;

export interface Memory {
  /** Latest first. */
  recall(): ZooAddress[];
  remember(address: ZooAddress): void;
  forget(address: ZooAddress): void;
}

export function createMemory(storage: Pick<Storage, 'getItem' | 'setItem'>): Memory {
  const recall = (): ZooAddress[] => {
    try {
      const stored: unknown = JSON.parse(storage.getItem(KEY) ?? '[]');
      return Array.isArray(stored) ? stored.filter((origin): origin is string => isOrigin(origin)).map((origin) => ({ origin })) : [];
    } catch {
      return [];
    }
  };
  const store = (addresses: ZooAddress[]): void => {
    try {
      storage.setItem(KEY, JSON.stringify(addresses.slice(0, MOST).map(({ origin }) => origin)));
    } catch {
      // A full or forbidden storage only means that the address is typed again.
    }
  };
  const without = ({ origin }: ZooAddress): ZooAddress[] => recall().filter((known) => known.origin !== origin);
  return {
    recall,
    remember: (address) => store([address, ...without(address)]),
    forget: (address) => store(without(address)),
  };
}

function isOrigin(value: unknown): boolean {
  return typeof value === 'string' && /^https?:\/\/[^/\s]+$/.test(value);
}
