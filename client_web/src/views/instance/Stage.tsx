/** The picture at the centre: the world's frame, or the model's own image where there is no frame. */
import type { InstanceRow, SignalOffer } from '../../api/documents';
import type { EncodedTensor } from '../../api/tensor';
import { hasEnded } from '../../domain/phase';
import { LiveScreen } from '../signal/LiveScreen';

const FRAME = 'env.frame';

interface Props {
  readonly row: InstanceRow;
  readonly signals: readonly SignalOffer[];
  /** The zoo's last small picture of it. */
  readonly still: EncodedTensor | undefined;
}

export function Stage({ row, signals, still }: Props) {
  const ended = hasEnded(row.phase);
  const path = row.previewPaths[0] ?? signals.find((signal) => signal.path === FRAME)?.path;
  const quiet = ended ? 'It has ended.' : path === undefined ? (row.stage ?? 'This world has no picture.') : '';
  return (
    <section className="stage" aria-label="Live picture">
      <LiveScreen
        className="stage-screen"
        signal={path === undefined || ended ? undefined : { instanceId: row.id, path, maxRate: 30, reduce: 'JPEG', maxSize: 640 }}
        label={`Live picture of ${row.name}`}
        still={still}
        quiet={still !== undefined ? '' : quiet}
        moving={row.phase === 'RUNNING'}
      />
    </section>
  );
}
