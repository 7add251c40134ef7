/** One checkpoint in a list: what it is, where it came from, and what may be done with it. */
import { useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { CheckpointDeleteMutation, RestoreMutation, type CheckpointRow, type InstanceRow } from '../../api/documents';
import { outcomeOf, reasons, type UserError } from '../../api/outcome';
import { checkpointFacts, checkpointOffers, checkpointOrigin } from '../../domain/checkpoint';
import type { LineageRow } from '../../domain/lineage';
import { hasEnded } from '../../domain/phase';
import { useMay } from '../../live/home';
import { useConnection } from '../../live/hooks';
import { Button, IconButton } from '../../ui/Button';
import { Confirm } from '../../ui/Dialog';
import { Icon } from '../../ui/Icon';
import { Notice } from '../../ui/Notice';
import { useVoice } from '../../ui/Toasts';
import { LineageLines } from './LineageLines';

export type Instance = Pick<InstanceRow, 'id' | 'name' | 'phase' | 'desiredPhase' | 'viewerCan'>;

interface Props {
  readonly checkpoint: CheckpointRow;
  readonly row: LineageRow;
  readonly lanes: number;
  readonly now: number;
  readonly modelId: string | undefined;
  readonly instance: Instance | undefined;
  /** The instance goes on from here if its process is lost. */
  readonly next: boolean;
  readonly chosen: boolean;
  readonly onChoose: (() => void) | undefined;
  readonly onDeleted: () => void;
  /** What it grew from. */
  readonly children: ReactNode;
}

export function Checkpoint({ checkpoint, row, lanes, now, modelId, instance, next, chosen, onChoose, onDeleted, children }: Props) {
  const { zoo, live } = useConnection();
  const { complain, announce } = useVoice();
  const mayLaunch = useMay('LAUNCH');
  const [asking, setAsking] = useState<'restore' | 'delete'>();
  const [doing, setDoing] = useState<'restore' | 'delete'>();
  const [refusals, setRefusals] = useState<readonly UserError[]>([]);
  const { id, tag, author } = checkpoint;
  const mayRestore = instance !== undefined && checkpointOffers(instance).restore;
  const mayGoOn = next && instance !== undefined && !hasEnded(instance.phase);
  const busy = doing !== undefined;
  const restoring = doing === 'restore';
  const onItsWay = refusals.every(({ code }) => code === 'UNAVAILABLE');
  const why = checkpointOrigin(checkpoint);

  const restore = async (instanceId: string): Promise<void> => {
    setDoing('restore');
    setRefusals([]);
    const outcome = await outcomeOf(zoo.mutate(RestoreMutation, { input: { instanceId, checkpointId: id } }));
    setDoing(undefined);
    if (!outcome.ok) { setRefusals(outcome.errors); return; }
    if (outcome.value.instance !== null) live.learn([outcome.value.instance]);
    announce(`It goes on from ${tag}`);
  };
  const remove = async (): Promise<void> => {
    setDoing('delete');
    const outcome = await outcomeOf(zoo.mutate(CheckpointDeleteMutation, { input: { checkpointId: id } }));
    setDoing(undefined);
    if (!outcome.ok) { complain(reasons(outcome.errors)); return; }
    announce(`${tag} is deleted`);
    onDeleted();
  };

  return (
    <li data-chosen={chosen || undefined}>
      <LineageLines row={row} lanes={lanes} />
      <div className="checkpoint-body">
        <div className="checkpoint-main">
          <span className="checkpoint-title">
            <strong className="mono">{tag}</strong>
            {checkpoint.needsPickle && (
              <span className="badge" data-tone="wait" title="Starting from it runs code out of what was saved, in its runner">
                <Icon name="alert" />
                needs pickle
              </span>
            )}
          </span>
          <span className="soft small">{checkpointFacts(checkpoint, now)}</span>
          {instance === undefined && (
            <span className="soft small">
              of {checkpoint.instanceId === null ? checkpoint.instanceName : <Link href={`/instances/${checkpoint.instanceId}`}>{checkpoint.instanceName}</Link>}
            </span>
          )}
          {author !== null && <span className="soft small">by {author.name}</span>}
          {mayGoOn && <span className="soft small">it goes on from here if its process is lost</span>}
          {why !== undefined && <span className="soft small">{why}</span>}
          {children}
        </div>
        {checkpoint.viewerCan.includes('DELETE') && !mayGoOn && <IconButton icon="trash" label={`Delete ${tag}`} busy={busy} onClick={() => setAsking('delete')} />}
        <div className="checkpoint-actions">
          {mayRestore && (
            <Button tone="plain" busy={busy} aria-label={`Restore ${tag}`} onClick={() => setAsking('restore')}>
              {restoring ? 'Restoring…' : 'Restore'}
            </Button>
          )}
          {mayLaunch && modelId !== undefined && (
            <Link className="button" data-tone="plain" href={`/launch?model=${encodeURIComponent(modelId)}&checkpoint=${encodeURIComponent(id)}`} aria-label={`Launch from ${tag}`}>
              Launch
            </Link>
          )}
          {onChoose !== undefined && (
            <Button tone="plain" {...(chosen ? { icon: 'check' } : {})} aria-pressed={chosen} aria-label={`Compare ${tag}`} onClick={onChoose}>
              Compare
            </Button>
          )}
        </div>
        {refusals.length > 0 && (
          <Notice tone={onItsWay ? 'wait' : 'bad'} role="alert">
            <strong>
              It has not gone back to {tag}
              {onItsWay && ' yet'}
              {'\n'}
            </strong>
            {reasons(refusals)}
          </Notice>
        )}
      </div>
      {asking === 'restore' && instance !== undefined && (
        <Confirm title={`Restore ${tag}?`} action="Restore" onConfirm={() => void restore(instance.id)} onClose={() => setAsking(undefined)}>
          {instance.name} goes on from there on the next timeline, between two of its steps. What it has become since it was last saved is lost.
          {checkpoint.needsPickle && ' What was saved holds code, which its runner runs.'}
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
