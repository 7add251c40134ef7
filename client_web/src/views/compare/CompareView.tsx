/** What differs between two checkpoints: parameters of their launches, and tensors that they saved. */
import { Link, useSearchParams } from 'wouter';
import { CheckpointQuery, DiffQuery, type StartOffer } from '../../api/documents';
import { checkpointFacts } from '../../domain/checkpoint';
import { NOTHING } from '../../domain/format';
import { parameterDifferences } from '../../domain/difference';
import { useAnswer } from '../../live/answer';
import { Icon } from '../../ui/Icon';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { useNow } from '../clock';
import { Missing, PageHead } from '../PageHead';
import { TensorTable } from './TensorTable';

export function CompareView() {
  const [query] = useSearchParams();
  const fromId = query.get('from') ?? '';
  const toId = query.get('to') ?? '';
  const from = useCheckpoint(fromId);
  const to = useCheckpoint(toId);
  if (from.checkpoint === undefined) return <Missing what="checkpoint" answered={from.answered} error={from.error} />;
  if (to.checkpoint === undefined) return <Missing what="checkpoint" answered={to.answered} error={to.error} />;
  return <Comparison key={`${fromId} ${toId}`} from={from.checkpoint} to={to.checkpoint} />;
}

function useCheckpoint(id: string) {
  const { data, error } = useAnswer(CheckpointQuery, { id });
  const node = data?.node;
  return { checkpoint: node?.__typename === 'Checkpoint' ? node : undefined, answered: data !== undefined, error };
}

function Comparison({ from, to }: { readonly from: StartOffer; readonly to: StartOffer }) {
  const { data, error } = useAnswer(DiffQuery, { fromId: from.id, toId: to.id });
  const difference = data?.checkpointDiff ?? undefined;
  return (
    <>
      <PageHead title="What differs" up={{ href: `/models/${encodeURIComponent(to.modelId)}`, label: to.modelName }} />
      <div className="compared">
        <Side title="From" checkpoint={from} />
        <Side title="To" checkpoint={to} />
        <Link className="button" data-tone="plain" href={`/compare?from=${encodeURIComponent(to.id)}&to=${encodeURIComponent(from.id)}`}>
          <Icon name="swap" />
          The other way round
        </Link>
      </div>
      {error !== undefined && (
        <Notice tone="bad" role="alert">
          <strong>They cannot be compared{'\n'}</strong>
          {error}
        </Notice>
      )}
      {data === undefined && error === undefined && (
        <p className="soft" role="status">
          Comparing… what is large takes some seconds.
        </p>
      )}
      {data !== undefined && difference === undefined && <Notice>One of them is not there, or you may not see it.</Notice>}
      {difference !== undefined && (
        <>
          <Parameters parameters={difference.parameters} />
          <TensorTable tensors={difference.tensors} />
        </>
      )}
    </>
  );
}

function Side({ title, checkpoint }: { readonly title: string; readonly checkpoint: StartOffer }) {
  const now = useNow(60_000);
  return (
    <Panel title={title}>
      <p>
        <strong className="mono">{checkpoint.tag}</strong>
      </p>
      <p className="soft small">{checkpointFacts(checkpoint, now)}</p>
      <p className="soft small">
        of {checkpoint.instanceId === null ? checkpoint.instanceName : <Link href={`/instances/${checkpoint.instanceId}`}>{checkpoint.instanceName}</Link>}
      </p>
    </Panel>
  );
}

function Parameters({ parameters }: { readonly parameters: unknown }) {
  const differences = parameterDifferences(parameters);
  return (
    <Panel title="Parameters">
      {differences.length === 0 ? (
        <p className="soft">The same in both.</p>
      ) : (
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Parameter</th>
              <th scope="col">From</th>
              <th scope="col">To</th>
            </tr>
          </thead>
          <tbody>
            {differences.map(({ name, from, to }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td className="mono">{from ?? NOTHING}</td>
                <td className="mono">{to ?? NOTHING}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
