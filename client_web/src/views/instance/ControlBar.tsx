/** Pause, step, speed, mode, episode and end; with what the runner has acknowledged. */
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { InstanceRow } from '../../api/documents';
import { reasons } from '../../api/outcome';
import { checkpointOffers } from '../../domain/checkpoint';
import { acknowledgement, hasEnded, offers } from '../../domain/phase';
import { Button } from '../../ui/Button';
import { Confirm } from '../../ui/Dialog';
import { Icon } from '../../ui/Icon';
import { Notice } from '../../ui/Notice';
import { useShortcuts } from '../../ui/shortcuts';
import { Switch } from '../../ui/Switch';
import { EndDialog } from '../EndDialog';
import { SaveNotice } from '../SaveNotice';
import { stageText, useSaving } from '../saving';
import { useSteering } from '../steering';
import { RateSlider } from './RateSlider';

interface Props {
  readonly row: InstanceRow;
  /** Without a world there are no episodes, no steps and no speed: it answers when it is asked. */
  readonly withoutWorld: boolean;
  readonly mayLearn: boolean;
}

export function ControlBar({ row, withoutWorld, mayLearn }: Props) {
  const steering = useSteering(row.id);
  const saving = useSaving(row.id);
  const may = offers(row);
  const steps = may.step && !withoutWorld;
  const paces = may.steer && !withoutWorld && row.origin !== 'REPLAY';
  const setsMode = row.origin === 'LAUNCHED'; // a script alone decides what it does
  const [, go] = useLocation();
  const [count, setCount] = useState('1');
  const [asking, setAsking] = useState<'end' | 'delete'>();
  const howMany = Math.min(1_000_000, Math.max(1, Math.round(Number(count)) || 1));

  useShortcuts({
    ' ': may.pause ? steering.pause : may.resume ? steering.resume : undefined,
    ArrowRight: steps ? () => steering.step(1) : undefined,
    e: paces ? steering.reset : undefined,
  });

  if (hasEnded(row.phase) && !may.remove) return null;
  if (!may.steer && !may.remove) return null;

  return (
    <section className="panel controls" aria-label="Controls">
      <div className="control-row">
        {may.pause && (
          <Button tone="primary" icon="pause" busy={steering.busy} onClick={steering.pause}>
            Pause
          </Button>
        )}
        {(may.pause || saving.stage !== undefined) && checkpointOffers(row).save && (
          <Button icon="save" busy={saving.stage !== undefined} onClick={() => void saving.run(['pause', 'save'])}>
            {saving.stage === undefined ? 'Save and pause' : stageText(saving.stage)}
          </Button>
        )}
        {may.resume && (
          <Button tone="primary" icon="play" busy={steering.busy} onClick={steering.resume}>
            Resume
          </Button>
        )}
        {steps && (
          <div className="joined">
            <Button icon="step" busy={steering.busy} onClick={() => steering.step(howMany)}>
              Step
            </Button>
            <input className="input" aria-label="How many steps" inputMode="numeric" value={count} onChange={(event) => setCount(event.target.value)} />
          </div>
        )}
        {paces && (
          <Button icon="reset" onClick={steering.reset}>
            New episode
          </Button>
        )}
        {may.terminate && (
          <Button tone="danger" icon="ended" onClick={() => setAsking('end')}>
            End
          </Button>
        )}
        {may.remove && (
          <Button tone="danger" icon="trash" onClick={() => setAsking('delete')}>
            Delete
          </Button>
        )}
        <Acknowledged row={row} />
      </div>
      {paces && (
        <div className="control-row">
          {setsMode && mayLearn && (
            <Switch checked={row.mode.training} onChange={(training) => steering.setMode({ ...row.mode, training })}>
              Learns
            </Switch>
          )}
          {setsMode && (
            <Switch checked={row.mode.inference} onChange={(inference) => steering.setMode({ ...row.mode, inference })}>
              Acts
            </Switch>
          )}
          <RateSlider rate={row.stepsPerSecond} onRate={steering.setRate} />
        </div>
      )}
      {saving.refusal?.stage === 'save' && <SaveNotice errors={saving.refusal.errors} consequence={row.desiredPhase === 'PAUSED' ? ', but paused' : ''} />}
      {saving.refusal?.stage === 'pause' && (
        <Notice tone="bad" role="alert">
          <strong>It is neither paused nor saved{'\n'}</strong>
          {reasons(saving.refusal.errors)}
        </Notice>
      )}
      {asking === 'end' && <EndDialog row={row} onClose={() => setAsking(undefined)} />}
      {asking === 'delete' && (
        <Confirm
          title={`Delete ${row.name}?`}
          action="Delete"
          onConfirm={() => void steering.remove().then((gone) => gone && go('/'))}
          onClose={() => setAsking(undefined)}
        >
          Its history, log and picture go with it. This cannot be undone.
        </Confirm>
      )}
    </section>
  );
}

function Acknowledged({ row }: { readonly row: InstanceRow }) {
  const state = acknowledgement(row);
  if (state === undefined) return null;
  return (
    <span className="acknowledged soft small" data-pending={state.pending}>
      <Icon name={state.pending ? 'wait' : 'check'} />
      {state.text}
    </span>
  );
}
