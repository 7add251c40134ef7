/** One living instance at a glance, with what can be done to it at once. */
import { useRef, useState } from 'react';
import { Link } from 'wouter';
import { MetricsQuery, StillQuery, type InstanceRow } from '../../api/documents';
import { formatCount, formatNumber, formatRate } from '../../domain/format';
import { hasWorld, modeText } from '../../domain/mode';
import { offers } from '../../domain/phase';
import { pictureOf } from '../../domain/picture';
import { toNumber } from '../../domain/real';
import { useAnswer } from '../../live/answer';
import { useFrame } from '../../live/hooks';
import { IconButton } from '../../ui/Button';
import { drawLine } from '../../ui/draw';
import { palette } from '../../ui/palette';
import { PhaseBadge } from '../../ui/PhaseBadge';
import { EndDialog } from '../EndDialog';
import { LiveScreen } from '../signal/LiveScreen';
import { useSteering } from '../steering';
import { useOnScreen } from '../visible';

const NO_PICTURE = 'This world has no picture';
const PREVIEW = { maxRate: 3, reduce: 'JPEG', maxSize: 200 } as const;

export function InstanceCard({ row }: { readonly row: InstanceRow }) {
  const card = useRef<HTMLElement>(null);
  const onScreen = useOnScreen(card);
  const steering = useSteering(row.id);
  const [ending, setEnding] = useState(false);
  const may = offers(row);
  const picture = pictureOf(row);
  const { data } = useAnswer(StillQuery, { id: row.id }, { when: onScreen && picture?.instanceId === row.id });
  const href = `/instances/${row.id}`;

  return (
    <article ref={card} className="card" aria-label={row.name}>
      <Link href={href} className="card-screen" tabIndex={-1} aria-hidden="true">
        <LiveScreen
          signal={onScreen && picture !== undefined ? { ...picture, ...PREVIEW } : undefined}
          label=""
          still={data?.instance?.thumbnail}
          quiet={quietText(row)}
          without={picture?.instanceId === row.id ? undefined : NO_PICTURE}
          moving={row.phase === 'RUNNING'}
        />
      </Link>
      <div className="card-body">
        <div className="card-title">
          <div>
            <h2>
              <Link href={href}>{row.name}</Link>
            </h2>
            <p className="soft small">
              {row.modelName}
              {row.environment !== null && ` in ${row.environment.name}`}
            </p>
          </div>
          <PhaseBadge phase={row.phase} />
        </div>
        {onScreen && <Sparkline id={row.id} />}
        <dl className="stats">
          <div>
            <dt>Step</dt>
            <dd>{formatCount(row.stats.step)}</dd>
          </div>
          <div>
            <dt>Speed</dt>
            <dd>{formatRate(row.stats.stepsPerSecond)}</dd>
          </div>
          <div>
            <dt>Return</dt>
            <dd>{formatNumber(toNumber(row.stats.episodeReturn))}</dd>
          </div>
        </dl>
        {(may.pause || may.resume || may.terminate) && (
          <div className="card-actions">
            {may.pause && <IconButton icon="pause" label={`Pause ${row.name}`} busy={steering.busy} onClick={steering.pause} />}
            {may.resume && <IconButton icon="play" label={`Resume ${row.name}`} busy={steering.busy} onClick={steering.resume} />}
            {may.terminate && <IconButton icon="ended" label={`End ${row.name}`} busy={steering.busy} onClick={() => setEnding(true)} />}
            <span className="soft small mode">{modeText(row)}</span>
          </div>
        )}
      </div>
      {ending && <EndDialog row={row} onClose={() => setEnding(false)} />}
    </article>
  );
}

function quietText(row: InstanceRow): string {
  const { phase, stage } = row;
  if (phase === 'PENDING' || phase === 'STARTING' || phase === 'STOPPING') return stage ?? '';
  if (pictureOf(row) !== undefined) return '';
  return hasWorld(row) ? NO_PICTURE : 'It answers when it is asked';
}

const SPARK_POINTS = 60;

function Sparkline({ id }: { readonly id: string }) {
  const { data } = useAnswer(MetricsQuery, { id, paths: ['metrics.episode_return'], points: SPARK_POINTS }, { everyMs: 12_000 });
  const canvas = useRef<HTMLCanvasElement>(null);
  const values = data?.instance?.metrics.at(-1)?.mean.map((real) => toNumber(real) ?? NaN) ?? [];
  const drawn = useRef<string>(undefined);
  useFrame(() => {
    const key = `${values.length} ${values.at(-1) ?? ''} ${palette().version} ${canvas.current?.clientWidth ?? 0}`;
    if (canvas.current === null || drawn.current === key) return;
    drawn.current = key;
    drawLine(canvas.current, values, palette().tiger, palette().band);
  });
  return <canvas ref={canvas} className="spark" aria-hidden="true" />;
}
