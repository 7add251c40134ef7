/** Pages that are loaded when they are first shown. An upgrade of the zoo takes away the files of the client before it. */
import { lazy, type ComponentType } from 'react';

export interface Surroundings {
  /** Whether the client can still be fetched: without that, a reload would leave nothing on the screen. */
  readonly reachable: () => Promise<boolean>;
  readonly reload: () => void;
  /** Remembers, across a reload, for which page it was made. */
  readonly memory: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

const RELOADED = 'zoo.reloaded-for';

/** Loads a page; when its file is gone, loads the whole client anew, once. Rejects when that has not helped or cannot. */
export async function loadPage<Page>(name: string, load: () => Promise<Page>, { reachable, reload, memory }: Surroundings): Promise<Page> {
  try {
    const page = await load();
    if (memory.getItem(RELOADED) === name) memory.removeItem(RELOADED);
    return page;
  } catch (error) {
    if (memory.getItem(RELOADED) === name || !(await reachable())) throw error;
    memory.setItem(RELOADED, name);
    reload();
    // Nothing is shown any more until the new client is there.
    return new Promise<never>(() => undefined);
  }
}

const browser: Surroundings = {
  reachable: () =>
    fetch(location.href, { cache: 'no-store' }).then(
      (answer) => answer.ok,
      () => false,
    ),
  reload: () => location.reload(),
  get memory() {
    return sessionStorage;
  },
};

export function page<Props>(name: string, load: () => Promise<ComponentType<Props>>) {
  return lazy(async () => ({ default: await loadPage(name, load, browser) }));
}
