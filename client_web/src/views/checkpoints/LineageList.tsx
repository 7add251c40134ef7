/** Checkpoints as git draws them: the newest first, each on its line, with what may be done with it; two can be compared. */
import { useMemo, useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import type { CheckpointRow } from '../../api/documents';
import { olderFirst, picked, tagsByCommit } from '../../domain/checkpoint';
import { lanesOf, lineageOf } from '../../domain/lineage';
import { Button } from '../../ui/Button';
import { Icon } from '../../ui/Icon';
import { useNow } from '../clock';
import { Checkpoint, type Instance } from './Checkpoint';

interface Props {
  readonly checkpoints: readonly CheckpointRow[];
  readonly label: string;
  readonly modelId: string | undefined;
  /** Whose page it is: it can go back to them. */
  readonly instance?: Instance;
  /** What it goes on from if its process is lost. */
  readonly nextId?: string | undefined;
  /** Names what a checkpoint grew from when that is not in the list. */
  readonly origin?: (commit: string) => ReactNode;
  readonly onDeleted: (id: string) => void;
}

export function LineageList({ checkpoints, label, modelId, instance, nextId, origin, onDeleted }: Props) {
  const now = useNow(10_000);
  const lineage = useMemo(() => lineageOf(checkpoints), [checkpoints]);
  const tags = useMemo(() => tagsByCommit(checkpoints), [checkpoints]);
  const [chosen, setChosen] = useState<readonly CheckpointRow[]>([]);
  const lanes = lanesOf(lineage);

  return (
    <>
      <ol className="lineage" aria-label={label}>
        {checkpoints.map((checkpoint, place) => {
          const row = lineage[place];
          if (row === undefined) return null;
          return (
            <Checkpoint
              key={checkpoint.id}
              checkpoint={checkpoint}
              row={row}
              lanes={lanes}
              now={now}
              modelId={modelId}
              instance={instance}
              next={checkpoint.id === nextId}
              chosen={chosen.some(({ id }) => id === checkpoint.id)}
              onChoose={checkpoints.length < 2 ? undefined : () => setChosen((before) => picked(before, checkpoint))}
              onDeleted={() => {
                setChosen((before) => before.filter(({ id }) => id !== checkpoint.id));
                onDeleted(checkpoint.id);
              }}
            >
              {checkpoint.parents.map((commit) => {
                const tag = tags.get(commit);
                if (tag === undefined) return <span key={commit}>{origin?.(commit)}</span>;
                const next = checkpoints[place + 1]?.commit === commit;
                return <Origin key={commit} tag={tag} unseen={next} />;
              })}
            </Checkpoint>
          );
        })}
      </ol>
      <Comparison chosen={chosen} onClear={() => setChosen([])} />
    </>
  );
}

/** What it grew from, in words; not for the eye where the line says it. */
export function Origin({ tag, unseen = false }: { readonly tag: string; readonly unseen?: boolean }) {
  return (
    <span className={unseen ? 'unseen' : 'soft small'}>
      grew from <span className="mono">{tag}</span>
    </span>
  );
}

function Comparison({ chosen, onClear }: { readonly chosen: readonly CheckpointRow[]; readonly onClear: () => void }) {
  const [from, to] = olderFirst(chosen);
  if (from === undefined) return null;
  return (
    <div className="comparing" role="status">
      <span className="small">
        <span className="mono">{from.tag}</span>
        {to === undefined ? ' and which other?' : <> and <span className="mono">{to.tag}</span></>}
      </span>
      {to !== undefined && (
        <Link className="button" data-tone="primary" href={`/compare?from=${encodeURIComponent(from.id)}&to=${encodeURIComponent(to.id)}`}>
          <Icon name="compare" />
          Compare them
        </Link>
      )}
      <Button tone="plain" onClick={onClear}>
        Cancel
      </Button>
    </div>
  );
}
