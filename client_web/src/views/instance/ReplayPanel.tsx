/** Of an instance that does once more what was recorded: how far the two are the same. */
import { Link } from 'wouter';
import type { InstanceRow } from '../../api/documents';
import { ReplayQuery } from '../../api/recordings';
import { hasEnded } from '../../domain/phase';
import { PLANES, reportText } from '../../domain/recording';
import { Icon } from '../../ui/Icon';
import { Panel } from '../../ui/Panel';
import { useStanding } from './standing';

export function ReplayPanel({ row }: { readonly row: InstanceRow }) {
  const { data } = useStanding(ReplayQuery, { id: row.id }, row);
  const report = data?.instance?.replay;
  if (report === null || report === undefined) return null;
  const driving = PLANES.filter(({ plane }) => report.planes.includes(plane)).map(({ label }) => label.toLowerCase());
  const recording = `/recordings/${encodeURIComponent(report.recordingId)}`;
  return (
    <Panel title="Replay" aside={<Link href={recording} className="small">The recording</Link>}>
      <p className="verdict" data-tone={report.first === null ? 'good' : 'bad'} role="status">
        <Icon name={report.first !== null ? 'alert' : report.comparedSteps > 0 ? 'check' : 'wait'} />
        <span>{reportText(report, hasEnded(row.phase))}</span>
      </p>
      {report.first !== null && (
        <Link className="button" href={`${recording}?step=${report.first.step}&show=${encodeURIComponent(report.first.path)}`}>
          <Icon name="search" />
          Look at that step
        </Link>
      )}
      <p className="soft small">{driving.length === 0 ? 'Only the rules of the recording stand; all it does is compared.' : `From the recording: ${driving.join(', ')}. The rest is compared.`}</p>
    </Panel>
  );
}
