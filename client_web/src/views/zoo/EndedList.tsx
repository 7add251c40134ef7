/** Those whose life is over: folded away, a page at a time, deletable. */
import { useState } from 'react';
import { Link } from 'wouter';
import type { InstanceRow } from '../../api/documents';
import { formatAgo, formatCount, formatNumber } from '../../domain/format';
import { offers } from '../../domain/phase';
import { toNumber } from '../../domain/real';
import { Button, IconButton } from '../../ui/Button';
import { Confirm } from '../../ui/Dialog';
import { FoldedPanel } from '../../ui/Panel';
import { PhaseBadge } from '../../ui/PhaseBadge';
import { useNow } from '../clock';
import { useSteering } from '../steering';

const PAGE = 10;

export function EndedList({ rows }: { readonly rows: readonly InstanceRow[] }) {
  const [shown, setShown] = useState(PAGE);
  const now = useNow(10_000);
  if (rows.length === 0) return null;
  return (
    <FoldedPanel title="Ended" count={rows.length} open={rows.some((row) => row.phase !== 'TERMINATED')}>
      <ul className="rows">
        {rows.slice(0, shown).map((row) => (
          <Ended key={row.id} row={row} now={now} />
        ))}
      </ul>
      {rows.length > shown && <Button onClick={() => setShown(shown + PAGE)}>Show more</Button>}
    </FoldedPanel>
  );
}

function Ended({ row, now }: { readonly row: InstanceRow; readonly now: number }) {
  const steering = useSteering(row.id);
  const [asking, setAsking] = useState(false);
  return (
    <li>
      <div className="row-main">
        <Link href={`/instances/${row.id}`}>{row.name}</Link>
        <p className="soft small">
          {row.modelName} · {formatCount(row.stats.step)} steps · return {formatNumber(toNumber(row.stats.episodeReturn))} · {formatAgo(row.endedAt, now)}
        </p>
        {row.failure !== null && <p className="small failure-line">{row.failure.message}</p>}
      </div>
      <PhaseBadge phase={row.phase} />
      {offers(row).remove && <IconButton icon="trash" label={`Delete ${row.name}`} onClick={() => setAsking(true)} />}
      {asking && (
        <Confirm title={`Delete ${row.name}?`} action="Delete" onConfirm={() => void steering.remove()} onClose={() => setAsking(false)}>
          Its history, log and picture go with it. This cannot be undone.
        </Confirm>
      )}
    </li>
  );
}
