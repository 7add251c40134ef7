/** What was saved of it: the newest first, each with what it grew from; saved now, gone back to, launched from, deleted. */
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { newCommandId } from '../../api/command';
import { CheckpointDeleteMutation, CheckpointQuery, CheckpointsQuery, RestoreMutation, SaveMutation, type CheckpointRow, type InstanceRow } from '../../api/documents';
import { outcomeOf, reasons, type UserError } from '../../api/outcome';
import { checkpointFacts, checkpointId, checkpointOffers, checkpointOrigin, tagProblem, tagsByCommit } from '../../domain/checkpoint';
import { hasEnded } from '../../domain/phase';
import { useAnswer } from '../../live/answer';
import { useMay } from '../../live/home';
import { useConnection } from '../../live/hooks';
import { Button, IconButton } from '../../ui/Button';
import { Confirm } from '../../ui/Dialog';
import { Field } from '../../ui/Field';
import { Icon } from '../../ui/Icon';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { useVoice } from '../../ui/Toasts';
import { useNow } from '../clock';

const PAGE = 5;
const MOST = 100;

export function CheckpointPanel({ row }: { readonly row: InstanceRow }) {
  const { live } = useConnection();
  const [first, setFirst] = useState(PAGE);
  const { data, error, ask } = useAnswer(CheckpointsQuery, { id: row.id, first });
  const now = useNow(10_000);
  useEffect(() => live.onEvent((event) => event.resourceId === row.id && event.kind === 'CHECKPOINT' && ask()), [live, row.id, ask]);

  const may = checkpointOffers(row);
  const modelId = data?.instance?.model?.id;
  const checkpoints = data?.instance?.checkpoints.nodes ?? [];
  const more = data?.instance?.checkpoints.pageInfo.hasNextPage === true;
  const newest = data?.instance?.latestCheckpoint?.id;
  const tags = tagsByCommit(checkpoints);
  if (data === undefined && error === undefined) return null;
  if (checkpoints.length === 0 && !may.save && error === undefined) return null;

  return (
    <Panel title="Checkpoints">
      {may.save && <SaveForm instanceId={row.id} onSaved={ask} />}
      {error !== undefined && <Notice tone="bad">{error}</Notice>}
      {checkpoints.length === 0 && error === undefined && (
        <p className="soft small">Nothing is saved yet. What is saved can be gone back to, and others can be launched from it.</p>
      )}
      {checkpoints.length > 0 && (
        <ol className="checkpoints" aria-label="Checkpoints, the newest first">
          {checkpoints.map((checkpoint) => (
            <Row key={checkpoint.id} checkpoint={checkpoint} instance={row} modelId={modelId} tags={tags} next={checkpoint.id === newest} mayRestore={may.restore} now={now} onChange={ask} />
          ))}
        </ol>
      )}
      {more && first < MOST && (
        <Button tone="plain" onClick={() => setFirst((old) => Math.min(MOST, old * 3))}>
          Show older ones
        </Button>
      )}
      {more && first === MOST && <p className="soft small">There are older ones; `zoo checkpoint ls` lists them all.</p>}
    </Panel>
  );
}

function SaveForm({ instanceId, onSaved }: { readonly instanceId: string; readonly onSaved: () => void }) {
  const { zoo } = useConnection();
  const { announce } = useVoice();
  const [tag, setTag] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [refusals, setRefusals] = useState<readonly UserError[]>([]);

  const save = async (): Promise<void> => {
    const wanted = tag.trim();
    const found = tagProblem(wanted);
    setProblem(found);
    setRefusals([]);
    if (found !== undefined) return;
    setBusy(true);
    const outcome = await outcomeOf(zoo.mutate(SaveMutation, { input: { instanceId, commandId: newCommandId(), ...(wanted === '' ? {} : { tag: wanted }) } }));
    setBusy(false);
    if (!outcome.ok) {
      setProblem(outcome.errors.find(({ path }) => path?.at(-1) === 'tag')?.message);
      setRefusals(outcome.errors.filter(({ path }) => path?.at(-1) !== 'tag'));
      return;
    }
    setTag('');
    announce(`Saved as ${outcome.value.checkpoint?.tag ?? 'a checkpoint'}`);
    onSaved();
  };

  const onItsWay = refusals.every(({ code }) => code === 'UNAVAILABLE');
  return (
    <form
      className="save-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void save();
      }}
    >
      <Field label="Tag" hint="Made up when left empty" error={problem}>
        {(wiring) => (
          <div className="save-row">
            <input {...wiring} className="input" autoComplete="off" autoCapitalize="off" spellCheck={false} maxLength={200} value={tag} onChange={(event) => setTag(event.target.value)} />
            <Button type="submit" icon="save" busy={busy}>
              {busy ? 'Saving…' : 'Save now'}
            </Button>
          </div>
        )}
      </Field>
      {refusals.length > 0 && (
        <Notice tone={onItsWay ? 'wait' : 'bad'} role="alert">
          {!onItsWay && <strong>It is not saved{'\n'}</strong>}
          {reasons(refusals)}
        </Notice>
      )}
    </form>
  );
}

interface RowProps {
  readonly checkpoint: CheckpointRow;
  readonly instance: InstanceRow;
  readonly modelId: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  /** It goes on from here if its process is lost. */
  readonly next: boolean;
  readonly mayRestore: boolean;
  readonly now: number;
  readonly onChange: () => void;
}

function Row({ checkpoint, instance, modelId, tags, next, mayRestore, now, onChange }: RowProps) {
  const { zoo, live } = useConnection();
  const { complain, announce } = useVoice();
  const mayLaunch = useMay('LAUNCH');
  const [asking, setAsking] = useState<'restore' | 'delete'>();
  const [busy, setBusy] = useState(false);
  const { id, tag } = checkpoint;
  const mayGoOn = next && !hasEnded(instance.phase);
  const why = checkpointOrigin(checkpoint);

  const restore = async (): Promise<void> => {
    setBusy(true);
    const outcome = await outcomeOf(zoo.mutate(RestoreMutation, { input: { instanceId: instance.id, checkpointId: id } }));
    setBusy(false);
    if (!outcome.ok) { complain(reasons(outcome.errors)); return; }
    if (outcome.value.instance !== null) live.learn([outcome.value.instance]);
    announce(`Going back to ${tag}`);
  };
  const remove = async (): Promise<void> => {
    setBusy(true);
    const outcome = await outcomeOf(zoo.mutate(CheckpointDeleteMutation, { input: { checkpointId: id } }));
    setBusy(false);
    if (!outcome.ok) complain(reasons(outcome.errors));
    else announce(`${tag} is deleted`);
    onChange();
  };

  return (
    <li>
      <div className="checkpoint-main">
        <strong className="mono checkpoint-tag">{tag}</strong>
        <span className="soft small">{checkpointFacts(checkpoint, now)}</span>
        {mayGoOn && <span className="soft small">it goes on from here if its process is lost</span>}
        {why !== undefined && <span className="soft small">{why}</span>}
        {checkpoint.parents.map((commit) => (
          <Origin key={commit} commit={commit} tag={tags.get(commit)} />
        ))}
      </div>
      {checkpoint.viewerCan.includes('DELETE') && !mayGoOn && <IconButton icon="trash" tone="danger" label={`Delete ${tag}`} busy={busy} onClick={() => setAsking('delete')} />}
      <div className="checkpoint-actions">
        {mayRestore && (
          <Button tone="plain" icon="reset" busy={busy} aria-label={`Restore ${tag}`} onClick={() => setAsking('restore')}>
            Restore
          </Button>
        )}
        {mayLaunch && modelId !== undefined && (
          <Link className="button" data-tone="plain" href={`/launch?model=${encodeURIComponent(modelId)}&checkpoint=${encodeURIComponent(id)}`} aria-label={`Launch from ${tag}`}>
            <Icon name="play" />
            Launch from
          </Link>
        )}
      </div>
      {asking === 'restore' && (
        <Confirm title={`Restore ${tag}?`} action="Restore" onConfirm={() => void restore()} onClose={() => setAsking(undefined)}>
          {instance.name} goes on from there on a new timeline. What it has become since is lost, unless it is saved.
        </Confirm>
      )}
      {asking === 'delete' && (
        <Confirm title={`Delete ${tag}?`} action="Delete" onConfirm={() => void remove()} onClose={() => setAsking(undefined)}>
          What it saved goes with it; what grew from it stays. This cannot be undone.
        </Confirm>
      )}
    </li>
  );
}

/** What it grew from; nothing where that is the beginning, or is gone. */
function Origin({ commit, tag }: { readonly commit: string; readonly tag: string | undefined }) {
  const { data } = useAnswer(CheckpointQuery, { id: checkpointId(commit) }, { when: tag === undefined });
  const found = data?.node?.__typename === 'Checkpoint' ? data.node.tag : undefined;
  const name = tag ?? found;
  if (name === undefined) return null;
  return (
    <span className="soft small">
      grew from <span className="mono">{name}</span>
    </span>
  );
}
