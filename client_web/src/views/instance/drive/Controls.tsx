/** Buttons, stick or sliders for one part of the action; the keyboard does what they do. */
import { useEffect, useEffectEvent, useRef, useState, type PointerEvent } from 'react';
import { assemble, choiceKeys, componentsOf, controllerOf, keyName, leaned, leanOf, neutralValue, padLean, reachOf, type Lean } from '../../../domain/drive';
import { formatNumber } from '../../../domain/format';
import { componentName, type Modality } from '../../../domain/modality';
import { Button } from '../../../ui/Button';
import { Field } from '../../../ui/Field';

interface Props {
  readonly label: string;
  readonly modality: Modality;
  /** Only one part of an action has the keys. */
  readonly keys: boolean;
  readonly onSteer: (value: unknown) => void;
}

export function Controls(props: Props) {
  const controller = controllerOf(props.modality);
  switch (controller?.kind) {
    case 'buttons':
      return <Choices {...props} labels={controller.labels} low={controller.low} />;
    case 'stick':
      return <Stick {...props} />;
    case 'sliders':
      return <Sliders {...props} count={controller.count} />;
    case 'text':
      return <Words {...props} />;
    case undefined:
      return null;
  }
}

/** Calls with the keys that are held, whenever that changes; other parts of the page do not hear them. */
function useHeldKeys(wanted: (key: string) => boolean, active: boolean, onHeld: (held: ReadonlySet<string>) => void): void {
  const held = useRef(new Set<string>());
  const press = useEffectEvent((event: KeyboardEvent) => {
    const key = keyName(event.key);
    if (!active || !wanted(key) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest('input, textarea, select') !== null) return;
    event.preventDefault();
    if (held.current.has(key)) return;
    held.current.add(key);
    onHeld(held.current);
  });
  const lift = useEffectEvent((event: KeyboardEvent) => {
    if (held.current.delete(keyName(event.key))) onHeld(held.current);
  });
  const drop = useEffectEvent(() => {
    if (held.current.size === 0) return;
    held.current.clear();
    onHeld(held.current);
  });
  useEffect(() => {
    const down = (event: KeyboardEvent): void => press(event);
    const up = (event: KeyboardEvent): void => lift(event);
    const blur = (): void => drop();
    addEventListener('keydown', down, { capture: true });
    addEventListener('keyup', up, { capture: true });
    addEventListener('blur', blur);
    return () => {
      removeEventListener('keydown', down, { capture: true });
      removeEventListener('keyup', up, { capture: true });
      removeEventListener('blur', blur);
    };
  }, []);
}

interface ChoicesProps extends Props {
  readonly labels: readonly string[];
  readonly low: number;
}

function Choices({ label, modality, keys, onSteer, labels, low }: ChoicesProps) {
  const [chosen, setChosen] = useState<number>();
  const byKey = choiceKeys(labels);
  const hold = (i: number): void => {
    setChosen(i);
    onSteer(i + low);
  };
  const lift = (): void => {
    const neutral = neutralValue(modality);
    if (typeof neutral !== 'number') return;
    setChosen(undefined);
    onSteer(neutral);
  };
  useHeldKeys((key) => byKey.has(key), keys, (held) => {
    const newest = [...held].map((key) => byKey.get(key)).findLast((i) => i !== undefined);
    if (newest === undefined) lift();
    else hold(newest);
  });
  const signs = labels.map((_, i) => {
    const keysOf = [...byKey].filter(([, choice]) => choice === i).map(([key]) => key);
    return keysOf.map((key) => KEY_SIGNS[key]).find((sign) => sign !== undefined) ?? keysOf[0];
  });
  return (
    <div className="drive-choices" role="group" aria-label={label}>
      {labels.map((name, i) => (
        <button
          key={i}
          type="button"
          className="button"
          aria-pressed={chosen === i}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            hold(i);
          }}
          onPointerUp={lift}
          onPointerCancel={lift}
          // Without a pointer: a press of Enter or of a screen reader is short, and held a moment.
          onClick={(event) => {
            if (event.detail !== 0) return;
            hold(i);
            setTimeout(lift, TAP_MS);
          }}
          onContextMenu={(event) => event.preventDefault()}
        >
          {name}
          {keys && signs[i] !== undefined && <kbd data-keys>{signs[i]}</kbd>}
        </button>
      ))}
    </div>
  );
}

const TAP_MS = 150;
const KEY_SIGNS: Readonly<Record<string, string>> = { ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', ' ': 'Space' };

function Stick({ label, modality, keys, onSteer }: Props) {
  const pad = useRef<HTMLDivElement>(null);
  const [lean, setLean] = useState<Lean>({ x: 0, y: 0 });
  const move = (to: Lean): void => {
    setLean(to);
    onSteer(assemble(modality, [leaned(modality, 0, to.x), leaned(modality, 1, to.y)]));
  };
  useHeldKeys((key) => leanOf([key]) !== undefined, keys, (held) => move(leanOf(held) ?? { x: 0, y: 0 }));
  const follow = (event: PointerEvent): void => {
    const box = pad.current?.getBoundingClientRect();
    if (box !== undefined) move(padLean(event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2, box.width / 2));
  };
  return (
    <div className="stick-row">
      <div
        ref={pad}
        className="stick"
        role="img"
        aria-label={`${label}: stick; arrow keys do the same`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          follow(event);
        }}
        onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && follow(event)}
        onPointerUp={() => move({ x: 0, y: 0 })}
        onPointerCancel={() => move({ x: 0, y: 0 })}
      >
        <span className="stick-knob" style={{ translate: `${lean.x * 80}% ${lean.y * -80}%` }} />
      </div>
      <dl className="stick-values">
        {[leaned(modality, 0, lean.x), leaned(modality, 1, lean.y)].map((value, i) => (
          <div key={i}>
            <dt>{componentName(modality, i)}</dt>
            <dd className="mono">{formatNumber(value)}</dd>
          </div>
        ))}
        <dd className="soft small" data-keys>
          Arrow keys or W A S D
        </dd>
      </dl>
    </div>
  );
}

function Sliders({ label, modality, keys, onSteer, count }: Props & { readonly count: number }) {
  const [values, setValues] = useState<readonly number[]>(() => componentsOf(neutralValue(modality)));
  const set = (next: readonly number[]): void => {
    setValues(next);
    onSteer(assemble(modality, next));
  };
  const whole = modality.kind === 'MULTI_DISCRETE' || /int/.test(modality.dtype);
  useHeldKeys((key) => key === 'ArrowLeft' || key === 'ArrowRight', keys && count === 1 && !whole, (held) => set([leaned(modality, 0, leanOf(held)?.x ?? 0)]));
  return (
    <div className="drive-sliders" role="group" aria-label={label}>
      {Array.from({ length: count }, (_, i) => {
        const { low, high } = reachOf(modality, i);
        const value = values[i] ?? 0;
        return (
          <label key={i} className="drive-slider">
            <span>{count === 1 ? label : componentName(modality, i)}</span>
            <input
              type="range"
              min={low}
              max={high}
              step={whole ? 1 : (high - low) / 200}
              value={value}
              onChange={(event) => set(Array.from({ length: count }, (_unused, j) => (j === i ? Number(event.target.value) : (values[j] ?? 0))))}
            />
            <output className="mono">{formatNumber(value)}</output>
          </label>
        );
      })}
      <Button tone="plain" icon="reset" onClick={() => set(componentsOf(neutralValue(modality)))}>
        To the middle
      </Button>
    </div>
  );
}

function Words({ label, onSteer }: Props) {
  const [text, setText] = useState('');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSteer(text);
      }}
    >
      <Field label={label}>
        {(wiring) => (
          <div className="save-row">
            <input {...wiring} className="input" autoComplete="off" value={text} onChange={(event) => setText(event.target.value)} />
            <Button type="submit">Say it</Button>
          </div>
        )}
      </Field>
    </form>
  );
}
