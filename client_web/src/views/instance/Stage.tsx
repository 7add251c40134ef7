/** The picture at the centre: the world's frame, or the model's own image where there is no frame. */
import type { InstanceRow, SignalOffer } from '../../api/documents';
import type { EncodedTensor } from '../../api/tensor';
import { hasEnded } from '../../domain/phase';
import { FRAME, pictureOf } from '../../domain/picture';
import { LiveScreen } from '../signal/LiveScreen';

const NO_PICTURE = 'This world has no picture.';

interface Props {
  readonly row: InstanceRow;
  readonly signals: readonly SignalOffer[];
  /** The zoo's last small picture of it. */
  readonly still: EncodedTensor | undefined;
}

export function Stage({ row, signals, still }: Props) {
  const ended = hasEnded(row.phase);
  const picture = pictureOf(row) ?? (signals.some(({ path }) => path === FRAME) ? { instanceId: row.id, path: FRAME } : undefined);
  const quiet = ended ? 'It has ended.' : picture === undefined ? (row.stage ?? NO_PICTURE) : '';
  return (
    <section className="stage" aria-label="Live picture">
      <LiveScreen
        className="stage-screen"
        signal={picture === undefined || ended ? undefined : { ...picture, maxRate: 30, reduce: 'JPEG', maxSize: 640 }}
        label={`Live picture of ${row.name}`}
        still={still}
        without={picture?.instanceId === row.id ? undefined : NO_PICTURE}
        quiet={still !== undefined ? '' : quiet}
        moving={row.phase === 'RUNNING'}
      />
    </section>
  );
}
