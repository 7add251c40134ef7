/** Where it will live: in a world of its own, in one that runs, or without any. */
import type { EnvironmentOffer, WorldRow } from '../../api/documents';
import { Field } from '../../ui/Field';
import { Panel } from '../../ui/Panel';
import { Segments } from '../../ui/Segments';

export type WorldPick =
  | { readonly kind: 'none' }
  | { readonly kind: 'new'; readonly environmentId: string }
  | { readonly kind: 'join'; readonly worldId: string };

/** The world that somebody comes from; else what worked for this model before. */
export function firstWorldChoice(
  environments: readonly EnvironmentOffer[],
  worlds: readonly WorldRow[],
  lastEnvironmentId: string | null | undefined,
  worldId: string | null,
): WorldPick {
  if (worldId !== null && worlds.some(({ id }) => id === worldId)) return { kind: 'join', worldId };
  if (lastEnvironmentId === null) return { kind: 'none' };
  const environment = environments.find(({ id }) => id === lastEnvironmentId) ?? environments[0];
  if (environment !== undefined) return { kind: 'new', environmentId: environment.id };
  const open = worlds.find(hasSeat);
  return open === undefined ? { kind: 'none' } : { kind: 'join', worldId: open.id };
}

function hasSeat(world: WorldRow): boolean {
  return world.connected.length < world.environment.maxConnected;
}

interface Props {
  readonly environments: readonly EnvironmentOffer[];
  readonly worlds: readonly WorldRow[];
  readonly pick: WorldPick;
  readonly onPick: (pick: WorldPick) => void;
  readonly error?: string | undefined;
}

export function WorldChoice({ environments, worlds, pick, onPick, error }: Props) {
  if (environments.length === 0 && worlds.length === 0) return null;
  const [firstEnvironment] = environments;
  const firstWorld = worlds.find(hasSeat) ?? worlds[0];
  const choose = (kind: WorldPick['kind']): void => {
    if (kind === 'new' && firstEnvironment !== undefined) onPick({ kind, environmentId: firstEnvironment.id });
    else if (kind === 'join' && firstWorld !== undefined) onPick({ kind, worldId: firstWorld.id });
    else onPick({ kind: 'none' });
  };
  return (
    <Panel title="World">
      <div className="fields">
        <Segments<WorldPick['kind']>
          legend="World"
          hiddenLegend
          value={pick.kind}
          onChange={choose}
          segments={[
            ...(firstEnvironment === undefined ? [] : ([{ value: 'new', label: 'Its own' }] as const)),
            ...(firstWorld === undefined ? [] : ([{ value: 'join', label: 'One that runs' }] as const)),
            { value: 'none', label: 'None' },
          ]}
        />
        {pick.kind === 'new' && (
          <Field label="Kind of world" error={error}>
            {(wiring) => (
              <select {...wiring} className="input" value={pick.environmentId} onChange={(event) => onPick({ kind: 'new', environmentId: event.target.value })}>
                {environments.map((environment) => (
                  <option key={environment.id} value={environment.id}>
                    {environment.name}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {pick.kind === 'join' && (
          <Field label="Running world" error={error}>
            {(wiring) => (
              <select {...wiring} className="input" value={pick.worldId} onChange={(event) => onPick({ kind: 'join', worldId: event.target.value })}>
                {worlds.map((world) => (
                  <option key={world.id} value={world.id}>
                    {world.name} ({world.connected.length} of {world.environment.maxConnected} connected)
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {pick.kind === 'none' && <p className="soft small">It answers when it is asked: each input gives one output.</p>}
      </div>
    </Panel>
  );
}
