/** What was saved of it: saved now, gone back to, launched from, compared, deleted. */
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { CheckpointQuery, CheckpointsQuery, type InstanceRow } from '../../api/documents';
import { checkpointId, checkpointOffers, restoreTold, tagProblem, type Happened } from '../../domain/checkpoint';
import { useAnswer } from '../../live/answer';
import { useConnection } from '../../live/hooks';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { LineageList, Origin } from '../checkpoints/LineageList';
import { useCheckpointPages } from '../checkpoints/pages';
import { SaveNotice } from '../SaveNotice';
import { useSaving } from '../saving';

const PAGE = 10;
const REMEMBERED = 20;

export function CheckpointPanel({ row }: { readonly row: InstanceRow }) {
  const { live } = useConnection();
  const { of, checkpoints, answered, error, more, ask, drop } = useCheckpointPages(CheckpointsQuery, row.id, { first: PAGE, upon: row.phase });
  const [happened, setHappened] = useState<readonly Happened[]>([]);
  useEffect(
    () =>
      live.onEvent((event) => {
        if (event.resourceId !== row.id) return;
        if (event.kind === 'CHECKPOINT' || event.kind === 'RESTORED') ask();
        if (event.kind === 'RESTORED' || event.kind === 'WARNING') setHappened((before) => [...before.slice(1 - REMEMBERED), event]);
      }),
    [live, row.id, ask],
  );
  const told = restoreTold(happened);

  const may = checkpointOffers(row);
  const modelId = of?.model?.id;
  if (!answered && error === undefined) return null;
  if (checkpoints.length === 0 && !may.save && error === undefined) return null;

  return (
    <Panel title="Checkpoints" aside={modelId !== undefined && checkpoints.length > 0 && <Link href={`/models/${encodeURIComponent(modelId)}`} className="small">All of {row.modelName}</Link>}>
      {may.save && <SaveForm instanceId={row.id} onSaved={ask} />}
      {error !== undefined && <Notice tone="bad">{error}</Notice>}
      <div className="outcome" role="status">
        {told.length > 0 && <Notice>{told.join('\n')}</Notice>}
      </div>
      {checkpoints.length === 0 && error === undefined && (
        <p className="soft small">Nothing is saved yet. What is saved can be gone back to, and others can be launched from it.</p>
      )}
      {checkpoints.length > 0 && (
        <LineageList
          checkpoints={checkpoints}
          label="Checkpoints, the newest first"
          modelId={modelId}
          instance={row}
          nextId={of?.latestCheckpoint?.id}
          origin={(commit) => <FarOrigin commit={commit} />}
          onDeleted={drop}
        />
      )}
      {more !== undefined && (
        <Button tone="plain" onClick={more}>
          Show older ones
        </Button>
      )}
    </Panel>
  );
}

function SaveForm({ instanceId, onSaved }: { readonly instanceId: string; readonly onSaved: () => void }) {
  const { stage, refusal, run } = useSaving(instanceId);
  const [tag, setTag] = useState('');
  const [problem, setProblem] = useState<string>();
  const busy = stage !== undefined;
  const atTag = refusal?.errors.filter(({ path }) => path?.at(-1) === 'tag') ?? [];
  const rest = refusal?.errors.filter(({ path }) => path?.at(-1) !== 'tag') ?? [];

  const save = async (): Promise<void> => {
    const wanted = tag.trim();
    const found = tagProblem(wanted);
    setProblem(found);
    if (found !== undefined || !(await run(['save'], wanted === '' ? undefined : wanted))) return;
    setTag('');
    onSaved();
  };

  return (
    <form
      className="save-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void save();
      }}
    >
      <Field label="Tag" hint="Made up when left empty" error={problem ?? atTag[0]?.message}>
        {(wiring) => (
          <div className="save-row">
            <input {...wiring} className="input" autoComplete="off" autoCapitalize="off" spellCheck={false} maxLength={200} value={tag} onChange={(event) => setTag(event.target.value)} />
            <Button type="submit" icon="save" busy={busy}>
              {busy ? 'Saving…' : 'Save now'}
            </Button>
          </div>
        )}
      </Field>
      {rest.length > 0 && <SaveNotice errors={rest} />}
    </form>
  );
}

/** What it grew from, where that is not in the list; nothing where that is the beginning, or is gone. */
function FarOrigin({ commit }: { readonly commit: string }) {
  const { data } = useAnswer(CheckpointQuery, { id: checkpointId(commit) });
  return data?.node?.__typename === 'Checkpoint' ? <Origin tag={data.node.tag} /> : null;
}
