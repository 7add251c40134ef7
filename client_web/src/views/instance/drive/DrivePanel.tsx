/** Who drives, and the wheel for whoever may. */
import { useCallback, useEffect, useEffectEvent, useId, useState } from 'react';
import { ControlQuery, type ControlRow } from '../../../api/control';
import type { InstanceRow, SignalOffer } from '../../../api/documents';
import { controllerOf, neutralValue, SILENCES, type OnSilence } from '../../../domain/drive';
import { formatCount } from '../../../domain/format';
import { offers } from '../../../domain/phase';
import { useHome } from '../../../live/home';
import { Button } from '../../../ui/Button';
import { Icon } from '../../../ui/Icon';
import { Menu } from '../../../ui/Menu';
import { Notice } from '../../../ui/Notice';
import { useStanding } from '../standing';
import { Controls } from './Controls';
import { useDriving, type Driving } from './driving';

export function DrivePanel({ row, signals }: { readonly row: InstanceRow; readonly signals: readonly SignalOffer[] }) {
  const { data, ask } = useStanding(ControlQuery, { id: row.id }, row);
  // A lease has just been taken or let go: the zoo knows a moment later.
  const asked = useCallback(() => void setTimeout(ask, ASK_MS), [ask]);
  const driving = useDriving(row.id, asked);
  const control = data?.instance?.control ?? undefined;
  const parts = partsOf(signals);
  const may = offers(row).steer && parts.length > 0;

  if (driving.state !== undefined) return <Wheel parts={parts} paths={control?.paths ?? undefined} driving={driving} />;
  if (control === undefined && (!may || row.phase === 'PENDING' || row.phase === 'STARTING')) return null;
  return <Free control={control} parts={parts} may={may} driving={driving} />;
}

const ASK_MS = 300;

/** The parts of the action that can be driven from here: it as a whole, or each of its channels. */
function partsOf(signals: readonly SignalOffer[]): readonly SignalOffer[] {
  const channels = signals.filter(({ path }) => path.startsWith('action.'));
  const all = channels.length > 0 ? channels : signals.filter(({ path }) => path === 'action');
  return all.filter(({ modality }) => controllerOf(modality) !== undefined);
}

interface FreeProps {
  readonly control: ControlRow | undefined;
  readonly parts: readonly SignalOffer[];
  readonly may: boolean;
  readonly driving: Driving;
}

function Free({ control, parts, may, driving }: FreeProps) {
  const id = useId();
  const viewer = useHome()?.viewer;
  const [onSilence, setOnSilence] = useState<OnSilence>('MODEL');
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  // A zoo without users has one operator, whoever sits there.
  const alone = viewer?.user === null && !viewer.anonymous;
  const mine = control !== undefined && (alone || viewer?.user?.id === control.holder.id);
  const mayTakeOver = mine || viewer?.user?.role === 'OPERATOR';
  const taken = parts.filter(({ path }) => !left.has(path));
  const take = (over: boolean): void => {
    const first = Object.fromEntries(taken.flatMap(({ path, modality }) => {
      const neutral = neutralValue(modality);
      return neutral === undefined ? [] : [[path, neutral] as const];
    }));
    void driving.take({ paths: taken.map(({ path }) => path), onSilence, first, over });
  };
  return (
    <section className="panel drive" aria-label="Who drives">
      <div className="control-row">
        <span className="drive-who">
          <Icon name="hand" />
          {control === undefined ? 'The model drives' : mine ? 'You drive, from elsewhere' : `${control.holder.name} drives`}
        </span>
        {may && (control === undefined || mayTakeOver) && (
          <>
            <Button busy={driving.busy} disabled={taken.length === 0} onClick={() => take(control !== undefined)}>
              {control === undefined ? 'Take the wheel' : mine ? 'Drive from here' : 'Take over'}
            </Button>
            <Menu label="How to drive" icon="more">
              <div className="menu-field">
                <label htmlFor={id}>When I fall silent</label>
                <select id={id} className="input" value={onSilence} onChange={(event) => setOnSilence(event.target.value as OnSilence)}>
                  {SILENCES.map(({ value, label }) => (
                    <option key={value} value={value}>
                      {label}
                    </option>
                  ))}
                </select>
              </div>
              {parts.length > 1 &&
                parts.map(({ path }) => (
                  <label key={path}>
                    <input
                      type="checkbox"
                      checked={!left.has(path)}
                      onChange={(event) => {
                        const next = new Set(left);
                        if (event.target.checked) next.delete(path);
                        else next.add(path);
                        setLeft(next);
                      }}
                    />
                    <span className="mono">{path}</span>
                  </label>
                ))}
            </Menu>
          </>
        )}
      </div>
      {driving.problem !== undefined && (
        <Notice tone="wait" role="alert">
          {driving.problem}
        </Notice>
      )}
    </section>
  );
}

interface WheelProps {
  readonly parts: readonly SignalOffer[];
  /** Those under the lease; undefined: all. */
  readonly paths: readonly string[] | undefined;
  readonly driving: Driving;
}

function Wheel({ parts, paths, driving: { state, steer, letGo } }: WheelProps) {
  const leave = useEffectEvent((event: KeyboardEvent) => {
    if (event.key === 'Escape' && !event.defaultPrevented && document.querySelector('dialog[open], .menu[open]') === null) letGo();
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => leave(event);
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, []);
  const driven = paths === undefined ? parts : parts.filter(({ path }) => paths.includes(path) || paths.includes('action'));
  return (
    <section className="panel drive" data-driving aria-label="The wheel">
      <div className="control-row">
        <span className="drive-who">
          <Icon name="hand" />
          <strong>You drive</strong>
        </span>
        <span className="soft small drive-heard">{state === undefined ? '' : heardText(state)}</span>
        <Button onClick={letGo}>
          Let go <kbd data-keys>Esc</kbd>
        </Button>
      </div>
      {driven.map(({ path, modality }, i) => (
        <Controls key={path} label={path} modality={modality} keys={i === 0} onSteer={(value) => steer({ [path]: value })} />
      ))}
    </section>
  );
}

function heardText({ kind, step, delayMs, message }: NonNullable<Driving['state']>): string {
  if (kind === 'unheard') return `not heard: ${message ?? 'the zoo does not answer'}`;
  if (step === null) return '';
  return `obeyed at step ${formatCount(step)}${delayMs === undefined ? '' : ` · ${Math.round(delayMs)} ms`}`;
}
