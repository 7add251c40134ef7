/** Worlds that run on their own, for instances to join. */
import { Link } from 'wouter';
import type { EnvironmentOffer, WorldRow } from '../../api/documents';
import { formatCount } from '../../domain/format';
import { hasEnded } from '../../domain/phase';
import { useMay } from '../../live/home';
import { Icon } from '../../ui/Icon';
import { PhaseBadge } from '../../ui/PhaseBadge';
import { Panel } from '../../ui/Panel';

interface Props {
  readonly worlds: readonly WorldRow[];
  readonly environments: readonly EnvironmentOffer[];
}

export function WorldList({ worlds, environments }: Props) {
  const mayLaunch = useMay('LAUNCH_ENVIRONMENT') && environments.length > 0;
  const running = worlds.filter((world) => !hasEnded(world.phase) || world.phase === 'FAILED');
  if (running.length === 0 && !mayLaunch) return null;
  return (
    <Panel
      title="Worlds"
      aside={
        mayLaunch && (
          <Link href="/launch/world" className="button">
            <Icon name="plus" />
            Launch a world
          </Link>
        )
      }
    >
      {running.length === 0 && <p className="soft">None runs on its own.</p>}
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
