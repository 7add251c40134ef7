/** Launching: choose a model and a world, fill in what they ask, go. What leaves no choice is not asked. */
import { useEffect, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import { CheckpointQuery, LastWorldQuery, ModelsQuery, WorldsQuery, type EnvironmentOffer, type ModelOffer, type WorldRow } from '../../api/documents';
import { hasEnded } from '../../domain/phase';
import { useAnswer } from '../../live/answer';
import { useMay } from '../../live/home';
import { Icon } from '../../ui/Icon';
import { Notice } from '../../ui/Notice';
import { Findings } from '../model/Findings';
import { PageHead } from '../PageHead';
import { LaunchForm } from './LaunchForm';
import { ModelChoice } from './ModelChoice';

/** A scan takes about as long. */
const SCANNED_MS = 3000;

export function LaunchView() {
  const mayLaunch = useMay('LAUNCH');
  const mayCreate = useMay('CREATE_MODEL');
  const models = useAnswer(ModelsQuery, { after: null });
  const worlds = useAnswer(WorldsQuery, {}, { everyMs: 6000 });
  const error = models.error ?? worlds.error;
  const { ask } = models;
  const unscanned = models.data?.models.nodes.some(({ scan }) => scan === 'WAITING') === true;
  useEffect(() => {
    if (!unscanned) return undefined;
    const timer = setInterval(ask, SCANNED_MS);
    return () => clearInterval(timer);
  }, [unscanned, ask]);
  return (
    <div className="narrow">
      <PageHead
        title="Launch an AInimal"
        aside={
          mayCreate && (
            <Link href="/models/new" className="button">
              <Icon name="upload" />
              Add a model
            </Link>
          )
        }
      />
      {!mayLaunch && <Notice>You may look at this zoo, but not launch in it.</Notice>}
      {error !== undefined && <Notice tone="bad">{error}</Notice>}
      {mayLaunch && models.data !== undefined && worlds.data !== undefined && (
        <Choose
          models={models.data.models.nodes}
          environments={worlds.data.environments.nodes}
          worlds={worlds.data.environmentInstances.nodes.filter((world) => !hasEnded(world.phase))}
        />
      )}
    </div>
  );
}

interface ChooseProps {
  readonly models: readonly ModelOffer[];
  readonly environments: readonly EnvironmentOffer[];
  readonly worlds: readonly WorldRow[];
}

function Choose({ models, environments, worlds }: ChooseProps) {
  const [query, setQuery] = useSearchParams();
  const [search, setSearch] = useState('');
  const worldId = query.get('world');
  const only = models.length === 1 ? models[0] : undefined;
  const chosen = only ?? models.find((model) => model.id === query.get('model'));
  if (models.length === 0) {
    return <Notice>This zoo offers no models. Its operator adds them to model_providers in the configuration.</Notice>;
  }
  return (
    <>
      {only === undefined && (
        <ModelChoice
          models={models}
          chosen={chosen}
          search={search}
          onSearch={setSearch}
          onChoose={(model) => setQuery({ model: model.id, ...(worldId === null ? {} : { world: worldId }) }, { replace: true })}
        />
      )}
      {chosen !== undefined && (
        <p className="small">
          <Link href={`/models/${encodeURIComponent(chosen.id)}`}>What {chosen.name} is, and what was saved of it</Link>
        </p>
      )}
      {chosen?.launchable === true && <Form key={chosen.id} model={chosen} environments={environments} worlds={worlds} worldId={worldId} checkpointId={query.get('checkpoint')} />}
      {chosen?.launchable === false && <Findings model={chosen} />}
    </>
  );
}

interface FormProps {
  readonly model: ModelOffer;
  readonly environments: readonly EnvironmentOffer[];
  readonly worlds: readonly WorldRow[];
  readonly worldId: string | null;
  readonly checkpointId: string | null;
}

function Form({ checkpointId, ...props }: FormProps) {
  const { data, error } = useAnswer(LastWorldQuery, { modelId: props.model.id });
  const start = useAnswer(CheckpointQuery, { id: checkpointId ?? '' }, { when: checkpointId !== null });
  if (data === undefined && error === undefined) return null;
  if (checkpointId !== null && start.data === undefined && start.error === undefined) return null;
  const last = data?.instances.nodes[0];
  const found = start.data?.node?.__typename === 'Checkpoint' && start.data.node.modelId === props.model.id ? start.data.node : null;
  return (
    <LaunchForm {...props} lastEnvironmentId={last === undefined ? undefined : (last.environment?.id ?? null)} from={checkpointId === null ? undefined : found} />
  );
}
