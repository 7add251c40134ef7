/** The form of one kind of world: its parameters, and the button. */
import { useState } from 'react';
import { useLocation } from 'wouter';
import { WorldLaunchMutation, type EnvironmentOffer } from '../../api/documents';
import { collect, firstDrafts, under, type Drafts } from '../../domain/parameters';
import { useConnection } from '../../live/hooks';
import { FormFrame } from './FormFrame';
import { ParameterFields } from './ParameterFields';
import { useSubmission } from './submission';

export function WorldForm({ environment }: { readonly environment: EnvironmentOffer }) {
  const { zoo, live } = useConnection();
  const [, go] = useLocation();
  const submission = useSubmission();
  const { errors, setErrors, send } = submission;
  const [drafts, setDrafts] = useState<Drafts>(() => firstDrafts(environment.parameters));

  const submit = async (): Promise<void> => {
    const entered = collect(environment.parameters, drafts);
    const launched = await send(under('parameters', entered.errors), (commandId) =>
      zoo.mutate(WorldLaunchMutation, { input: { environmentId: environment.id, commandId, parameters: entered.values } }),
    );
    if (launched === undefined) return;
    const { environmentInstance } = launched;
    if (environmentInstance === null) { setErrors({ '': 'The zoo has launched it, but you may not see it.' }); return; }
    live.learnWorlds([environmentInstance]);
    go(`/worlds/${environmentInstance.id}`);
  };

  return (
    <FormFrame submission={submission} name={environment.name} fields={new Set(environment.parameters.map((spec) => `parameters.${spec.name}`))} onSubmit={() => void submit()}>
      <ParameterFields title={`Parameters of ${environment.name}`} specs={environment.parameters} drafts={drafts} errors={errors} prefix="parameters" onChange={setDrafts} />
    </FormFrame>
  );
}
