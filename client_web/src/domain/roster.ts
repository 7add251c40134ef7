/** Who is listed where on the home page. */
import { hasEnded, type Phase } from './phase';

export interface Listed {
  readonly id: string;
  readonly name: string;
  readonly modelName: string;
  readonly phase: Phase;
  readonly tags: readonly string[];
  readonly createdAt: string;
}

export interface Roster<T> {
  readonly alive: readonly T[];
  readonly ended: readonly T[];
}

/** Splits and orders: the living first by age (so that cards do not jump about), the ended by recency. */
export function roster<T extends Listed>(instances: Iterable<T>, search: string): Roster<T> {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const alive: T[] = [];
  const ended: T[] = [];
  for (const instance of instances) {
    const text = [instance.name, instance.modelName, ...instance.tags].join(' ').toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    (hasEnded(instance.phase) ? ended : alive).push(instance);
  }
  alive.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  ended.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  return { alive, ended };
}
