/** What it starts from: nothing, or a state that an instance of its model had. Asked only where there is one. */
import { StartsQuery, type StartOffer } from '../../api/documents';
import { checkpointFacts } from '../../domain/checkpoint';
import { useAnswer } from '../../live/answer';
import { Field } from '../../ui/Field';
import { Panel } from '../../ui/Panel';
import { useNow } from '../clock';

const OFFERED = 50;

interface Props {
  readonly modelId: string;
  readonly start: StartOffer | undefined;
  readonly onPick: (start: StartOffer | undefined) => void;
  readonly error?: string | undefined;
}

export function StartChoice({ modelId, start, onPick, error }: Props) {
  const { data } = useAnswer(StartsQuery, { modelId, first: OFFERED });
  const now = useNow(60_000);
  const newest = data?.model?.checkpoints.nodes ?? [];
  const offered = start === undefined || newest.some(({ id }) => id === start.id) ? newest : [...newest, start];
  if (offered.length === 0 && error === undefined) return null;
  return (
    <Panel title="Start">
      <Field label="Starts from" hint={start?.needsPickle === true ? 'It brings its parameters with it, and a pickle, whose code its runner runs' : 'A checkpoint of this model brings its parameters with it'} error={error}>
        {(wiring) => (
          <select {...wiring} className="input" value={start?.id ?? ''} onChange={({ target }) => onPick(offered.find(({ id }) => id === target.value))}>
            <option value="">The beginning</option>
            {offered.map((checkpoint) => (
              <option key={checkpoint.id} value={checkpoint.id}>
                {`${checkpoint.tag} (${checkpoint.instanceName}, ${checkpointFacts(checkpoint, now)})`}
              </option>
            ))}
          </select>
        )}
      </Field>
    </Panel>
  );
}
