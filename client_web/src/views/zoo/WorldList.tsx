/** Worlds that run on their own, for instances to join. */
import { Link } from 'wouter';
import type { WorldRow } from '../../api/documents';
import { formatCount } from '../../domain/format';
import { hasEnded } from '../../domain/phase';
import { PhaseBadge } from '../../ui/PhaseBadge';
import { Panel } from '../../ui/Panel';

export function WorldList({ worlds }: { readonly worlds: readonly WorldRow[] }) {
  const running = worlds.filter((world) => !hasEnded(world.phase) || world.phase === 'FAILED');
  if (running.length === 0) return null;
  return (
    <Panel title="Worlds">
      <ul className="rows">
        {running.map((world) => (
          <li key={world.id}>
            <div className="row-main">
              <Link href={`/worlds/${world.id}`}>{world.name}</Link>
              <p className="soft small">
                {world.environment.name} · {world.connected.length} of {world.environment.maxConnected} connected
                {world.stats.step > 0 && ` · step ${formatCount(world.stats.step)}`}
              </p>
              {world.failure !== null && <p className="small failure-line">{world.failure.message}</p>}
            </div>
            <PhaseBadge phase={world.phase} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
