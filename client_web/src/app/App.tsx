/** Finds the zoo, connects, and shows the page that the address names. */
import { useCallback, useEffect, useMemo, useState } from 'react';
import { createZoo } from '../api/client';
import { createMemory } from '../api/memory';
import { reach, reachText } from '../api/reach';
import type { ZooAddress } from '../domain/address';
import type { Connection } from '../live/hooks';
import { sseStreams } from '../live/transport';
import { LiveZoo } from '../live/zoo';
import { Logo } from '../ui/Logo';
import { ConnectView } from '../views/connect/ConnectView';
import { Pages } from './Pages';

type Place = { readonly kind: 'finding' } | { readonly kind: 'nowhere'; readonly reason?: string } | { readonly kind: 'at'; readonly address: ZooAddress };

const memory = createMemory(localStorage);

export function App() {
  const [place, setPlace] = useState<Place>({ kind: 'finding' });
  useEffect(() => void findZoo().then(setPlace), []);
  const leave = useCallback(() => setPlace({ kind: 'nowhere' }), []);

  switch (place.kind) {
    case 'finding':
      return (
        <main className="looking" aria-busy="true">
          <Logo size={56} />
          <span className="unseen">Looking for the zoo…</span>
        </main>
      );
    case 'nowhere':
      return <ConnectView memory={memory} reason={place.reason} onConnected={(address) => setPlace({ kind: 'at', address })} />;
    case 'at':
      return <Connected key={place.address.origin} address={place.address} onLeave={leave} />;
  }
}

/** A page that a zoo has served belongs to that zoo; otherwise the last one visited. */
async function findZoo(): Promise<Place> {
  const own = { origin: location.origin };
  if ((await reach(own)).kind === 'zoo') return { kind: 'at', address: own };
  const [last] = memory.recall();
  if (last === undefined) return { kind: 'nowhere' };
  const result = await reach(last);
  return result.kind === 'zoo' ? { kind: 'at', address: last } : { kind: 'nowhere', reason: reachText(result, last) };
}

function connect(address: ZooAddress): Connection {
  const zoo = createZoo(address);
  const live = new LiveZoo(sseStreams(zoo.graphqlUrl), {
    timers: {
      set: (callback, milliseconds) => window.setTimeout(callback, milliseconds),
      clear: (handle) => window.clearTimeout(handle as number | undefined),
    },
    now: () => performance.now(),
    decodePicture: (jpeg) => createImageBitmap(jpeg),
  });
  return { zoo, live };
}

function Connected({ address, onLeave }: { readonly address: ZooAddress; readonly onLeave: () => void }) {
  const connection = useMemo(() => connect(address), [address]);
  useEffect(() => {
    const { live } = connection;
    const follow = (): void => (document.hidden ? live.sleep() : live.wake());
    const online = (): void => live.retryNow();
    follow();
    document.addEventListener('visibilitychange', follow);
    addEventListener('online', online);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      removeEventListener('online', online);
      live.sleep();
    };
  }, [connection]);
  return <Pages connection={connection} own={address.origin === location.origin} onLeave={onLeave} />;
}
