/** Does once more what was recorded, and compares. */
import { useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { newCommandId } from '../../api/command';
import { LineageQuery } from '../../api/documents';
import { outcomeOf } from '../../api/outcome';
import { ReplayMutation, type RecordingPage } from '../../api/recordings';
import { errorsByField } from '../../domain/parameters';
import { planesIn, type Plane } from '../../domain/recording';
import { useAnswer } from '../../live/answer';
import { useMay } from '../../live/home';
import { useConnection } from '../../live/hooks';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { Notice } from '../../ui/Notice';
import { FoldedPanel } from '../../ui/Panel';

export function ReplayForm({ recording }: { readonly recording: RecordingPage }) {
  const { zoo, live } = useConnection();
  const [, go] = useLocation();
  const mayLaunch = useMay('LAUNCH');
  const planes = planesIn(recording.signals);
  const checkpoints = useAnswer(LineageQuery, { id: recording.modelId ?? '', first: 50, after: null }, { when: recording.modelId !== null && mayLaunch });
  const [chosen, setChosen] = useState<ReadonlySet<Plane>>(() => new Set(planes.some(({ plane }) => plane === 'INPUTS') ? ['INPUTS'] : []));
  const [checkpointId, setCheckpointId] = useState('');
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = useState(false);
  const command = useRef(newCommandId());
  if (!mayLaunch || recording.modelId === null) return null;
  const others = (checkpoints.data?.of?.checkpoints.nodes ?? []).filter(({ id }) => id !== recording.checkpointId);

  const replay = async (): Promise<void> => {
    setBusy(true);
    setErrors({});
    const input = { recordingId: recording.id, planes: planes.filter(({ plane }) => chosen.has(plane)).map(({ plane }) => plane), commandId: command.current, ...(checkpointId === '' ? {} : { checkpointId }) };
    const outcome = await outcomeOf(zoo.mutate(ReplayMutation, { input }));
    setBusy(false);
    if (!outcome.ok) {
      command.current = newCommandId();
      setErrors(errorsByField(outcome.errors));
      return;
    }
    const { instance } = outcome.value;
    if (instance === null) return;
    live.enlist(instance);
    go(`/instances/${instance.id}`);
  };

  const rest = Object.entries(errors).filter(([key]) => key !== 'checkpointId');
  return (
    <FoldedPanel title="Replay">
      <form
        className="fields"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void replay();
        }}
      >
        <p className="soft small">It does the same once more, and says at which step and signal the two first differ.</p>
        <Field label="Start from" error={errors.checkpointId}>
          {(wiring) => (
            <select {...wiring} className="input" value={checkpointId} onChange={(event) => setCheckpointId(event.target.value)}>
              <option value="">{recording.checkpointId === null ? 'Choose a checkpoint…' : 'Where the recording began'}</option>
              {others.map(({ id, tag }) => (
                <option key={id} value={id}>
                  {tag}
                </option>
              ))}
            </select>
          )}
        </Field>
        <fieldset className="field">
          <legend className="label">From the recording come</legend>
          {planes.map(({ plane, label, meaning }) => (
            <label key={plane} className="plane">
              <input
                type="checkbox"
                checked={chosen.has(plane)}
                onChange={(event) => {
                  const next = new Set(chosen);
                  if (event.target.checked) next.add(plane);
                  else next.delete(plane);
                  setChosen(next);
                }}
              />
              <span>
                {label}
                <span className="soft small"> {meaning}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {rest.length > 0 && (
          <Notice tone="bad" role="alert">
            {rest.map(([, message]) => message).join('\n')}
          </Notice>
        )}
        <div>
          <Button type="submit" icon="reset" busy={busy} disabled={recording.checkpointId === null && checkpointId === ''}>
            {busy ? 'Launching…' : 'Replay it'}
          </Button>
        </div>
      </form>
    </FoldedPanel>
  );
}
