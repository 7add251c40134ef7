/** The form of one kind of world: its parameters, and the button. */
import { useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { newCommandId } from '../../api/command';
import { WorldLaunchMutation, type EnvironmentOffer } from '../../api/documents';
import { outcomeOf } from '../../api/outcome';
import { collect, errorsByField, firstDrafts, under, type Drafts } from '../../domain/parameters';
import { useConnection } from '../../live/hooks';
import { Button } from '../../ui/Button';
import { Notice } from '../../ui/Notice';
import { focusFirstError } from './focus';
import { ParameterFields } from './ParameterFields';

export function WorldForm({ environment }: { readonly environment: EnvironmentOffer }) {
  const { zoo, live } = useConnection();
  const [, go] = useLocation();
  const form = useRef<HTMLFormElement>(null);
  const [drafts, setDrafts] = useState<Drafts>(() => firstDrafts(environment.parameters));
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = useState(false);
  const [commandId, setCommandId] = useState(newCommandId);

  const submit = async (): Promise<void> => {
    const entered = collect(environment.parameters, drafts);
    const found = under('parameters', entered.errors);
    setErrors(found);
    if (Object.keys(found).length > 0) { focusFirstError(form.current); return; }
    setBusy(true);
    const outcome = await outcomeOf(zoo.mutate(WorldLaunchMutation, { input: { environmentId: environment.id, commandId, parameters: entered.values } }));
    setBusy(false);
    if (!outcome.ok) {
      // A refused command is used up: the corrected form is a new one.
      setCommandId(newCommandId());
      setErrors(errorsByField(outcome.errors));
      focusFirstError(form.current); return;
    }
    const { environmentInstance } = outcome.value;
    if (environmentInstance === null) { setErrors({ '': 'The zoo has launched it, but you may not see it.' }); return; }
    live.learnWorlds([environmentInstance]);
    go(`/worlds/${environmentInstance.id}`);
  };

  const fields = new Set(environment.parameters.map((spec) => `parameters.${spec.name}`));
  const rest = Object.entries(errors).filter(([key]) => !fields.has(key));

  return (
    <form
      ref={form}
      className="launch-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void submit();
      }}
    >
      <ParameterFields title={`Parameters of ${environment.name}`} specs={environment.parameters} drafts={drafts} errors={errors} prefix="parameters" onChange={setDrafts} />
      {rest.length > 0 && (
        <Notice tone="bad" role="alert">
          {rest.map(([, message]) => message).join('\n')}
        </Notice>
      )}
      <div className="form-end">
        <Button type="submit" tone="primary" icon="play" busy={busy}>
          {busy ? 'Launching…' : `Launch ${environment.name}`}
        </Button>
      </div>
    </form>
  );
}
