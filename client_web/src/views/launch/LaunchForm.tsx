/** The form of one model: its world, its parameters, and how it starts. */
import { useState } from 'react';
import { useLocation } from 'wouter';
import { LaunchMutation, type EnvironmentOffer, type LaunchInput, type ModelOffer, type StartOffer, type WorldRow } from '../../api/documents';
import { collect, firstDrafts, under, type Drafts } from '../../domain/parameters';
import { useConnection } from '../../live/hooks';
import { Field } from '../../ui/Field';
import { FoldedPanel } from '../../ui/Panel';
import { Findings } from '../model/Findings';
import { FormFrame } from './FormFrame';
import { ParameterFields } from './ParameterFields';
import { StartChoice } from './StartChoice';
import { useSubmission } from './submission';
import { firstWorldChoice, WorldChoice, type WorldPick } from './WorldChoice';
import { Segments } from '../../ui/Segments';
import { Switch } from '../../ui/Switch';

interface Props {
  readonly model: ModelOffer;
  readonly environments: readonly EnvironmentOffer[];
  readonly worlds: readonly WorldRow[];
  /** The kind of world that this model was last launched in: undefined for never, null for none. */
  readonly lastEnvironmentId: string | null | undefined;
  /** The running world that whoever launches comes from. */
  readonly worldId: string | null;
  /** The checkpoint that whoever launches comes from; null for one that is gone. */
  readonly from: StartOffer | null | undefined;
}

type ModeChoice = 'default' | 'both' | 'inference' | 'training';

const MODES = {
  default: undefined,
  both: { training: true, inference: true },
  inference: { training: false, inference: true },
  training: { training: true, inference: false },
} as const;

export function LaunchForm({ model, environments, worlds, lastEnvironmentId, worldId, from }: Props) {
  const { zoo, live } = useConnection();
  const [, go] = useLocation();
  const [pick, setPick] = useState<WorldPick>(() => firstWorldChoice(environments, worlds, lastEnvironmentId, worldId));
  const [start, setStart] = useState(from ?? undefined);
  const environment = pick.kind === 'new' ? environments.find((offer) => offer.id === pick.environmentId) : undefined;
  const [drafts, setDrafts] = useState<Drafts>(() => firstDrafts(model.parameters, from?.parameters));
  const [worldDrafts, setWorldDrafts] = useState<Drafts>({});
  const [name, setName] = useState('');
  const [seed, setSeed] = useState('');
  const [mode, setMode] = useState<ModeChoice>('default');
  const [paused, setPaused] = useState(false);
  const submission = useSubmission(from === null ? { checkpointId: 'The checkpoint is no longer there; choose another' } : {});
  const { errors, setErrors, send } = submission;

  const startFrom = (picked: StartOffer | undefined): void => {
    setStart(picked);
    setErrors((old) => Object.fromEntries(Object.entries(old).filter(([key]) => key !== 'checkpointId')));
    if (picked !== undefined) setDrafts(firstDrafts(model.parameters, picked.parameters));
  };

  const submit = async (): Promise<void> => {
    const own = collect(model.parameters, drafts);
    const theirs = collect(environment?.parameters ?? [], worldDrafts);
    const found: Record<string, string> = { ...under('parameters', own.errors), ...under('environmentParameters', theirs.errors) };
    if (seed !== '' && !/^\d+$/.test(seed.trim())) found.seed = `“${seed}” is not a whole number`;

    const input: LaunchInput = {
      modelId: model.id,
      parameters: own.values,
      paused,
      ...(pick.kind === 'new' ? { environmentId: pick.environmentId, environmentParameters: theirs.values } : {}),
      ...(pick.kind === 'join' ? { environmentInstanceId: pick.worldId } : {}),
      ...(start === undefined ? {} : { checkpointId: start.id }),
      ...(name.trim() === '' ? {} : { name: name.trim() }),
      ...(seed === '' ? {} : { seed: Number(seed) }),
      ...(MODES[mode] === undefined ? {} : { mode: MODES[mode] }),
    };
    const launched = await send(found, (commandId) => zoo.mutate(LaunchMutation, { input: { ...input, commandId } }));
    if (launched === undefined) return;
    const { instance } = launched;
    if (instance === null) { setErrors({ '': 'The zoo has launched it, but you may not see it.' }); return; }
    live.enlist(instance);
    go(`/instances/${instance.id}`);
  };

  return (
    <FormFrame submission={submission} name={model.name} fields={fieldKeys(model, environment)} onSubmit={() => void submit()}>
      <WorldChoice environments={environments} worlds={worlds} pick={pick} onPick={setPick} error={errors.environmentId ?? errors.environmentInstanceId} />
      <StartChoice modelId={model.id} start={start} onPick={startFrom} error={errors.checkpointId} />
      <ParameterFields
        title={environment === undefined ? 'Parameters' : `Parameters of ${environment.name}`}
        specs={environment?.parameters ?? []}
        drafts={worldDrafts}
        errors={errors}
        prefix="environmentParameters"
        onChange={setWorldDrafts}
      />
      <ParameterFields title={`Parameters of ${model.name}`} specs={model.parameters} drafts={drafts} errors={errors} prefix="parameters" onChange={setDrafts} />
      <FoldedPanel title="Name, seed and start" open={['name', 'seed', 'mode', 'paused'].some((key) => key in errors)}>
        <div className="fields">
          <Field label="Name" hint="Made up when left empty" error={errors.name}>
            {(wiring) => <input {...wiring} className="input" autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />}
          </Field>
          <Field label="Seed" hint="The same seed makes chance repeat itself" error={errors.seed}>
            {(wiring) => <input {...wiring} className="input" inputMode="numeric" autoComplete="off" value={seed} onChange={(event) => setSeed(event.target.value)} />}
          </Field>
          <Segments<ModeChoice>
            legend="Starts"
            value={mode}
            onChange={setMode}
            segments={[
              { value: 'default', label: model.trainable === false ? 'acting' : 'as the model can' },
              ...(model.trainable === false ? [] : ([{ value: 'both', label: 'learning and acting' }] as const)),
              { value: 'inference', label: 'acting only' },
            ]}
          />
          <Switch checked={paused} onChange={setPaused}>
            Wait before the first step
          </Switch>
        </div>
      </FoldedPanel>
      <Findings model={model} />
    </FormFrame>
  );
}

function fieldKeys(model: ModelOffer, environment: EnvironmentOffer | undefined): ReadonlySet<string> {
  return new Set([
    ...model.parameters.map((spec) => `parameters.${spec.name}`),
    ...(environment?.parameters ?? []).map((spec) => `environmentParameters.${spec.name}`),
    'environmentId',
    'environmentInstanceId',
    'checkpointId',
    'name',
    'seed',
  ]);
}
