/** A rule on one signal, in a form that fits its modality. */
import { useRef, useState } from 'react';
import { newCommandId } from '../../api/command';
import type { InstanceRow, SignalOffer } from '../../api/documents';
import { outcomeOf } from '../../api/outcome';
import { OverrideSetMutation } from '../../api/overrides';
import { RecordingsQuery } from '../../api/recordings';
import { formatAgo, formatCount } from '../../domain/format';
import { componentName } from '../../domain/modality';
import { elementNames, firstOverride, hasElements, rangeOfComponent, readOverride, ruleLabel, rulesFor, valueForm, type Expiry, type OverrideDraft, type Rule } from '../../domain/override';
import { errorsByField } from '../../domain/parameters';
import { useAnswer } from '../../live/answer';
import type { Feed } from '../../live/feed';
import { useConnection } from '../../live/hooks';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Field } from '../../ui/Field';
import { Notice } from '../../ui/Notice';
import { NumberField } from '../../ui/NumberField';
import { Segments } from '../../ui/Segments';
import { Switch } from '../../ui/Switch';
import { useVoice } from '../../ui/Toasts';
import { useNow } from '../clock';
import { interestIn } from '../signal/kinds';
import { modalityText } from '../signal/SignalView';

interface Props {
  readonly row: InstanceRow;
  readonly signal: SignalOffer;
  readonly onClose: () => void;
}

type Change = (parts: Partial<OverrideDraft>) => void;
type Errors = Readonly<Record<string, string>>;

const EXPIRIES: readonly { readonly value: Expiry; readonly label: string }[] = [
  { value: 'never', label: 'Until cleared' },
  { value: 'seconds', label: 'Seconds' },
  { value: 'steps', label: 'Steps' },
];

export function OverrideDialog({ row, signal, onClose }: Props) {
  const { path, modality } = signal;
  const { zoo, live } = useConnection();
  const { announce } = useVoice();
  const recordings = useAnswer(RecordingsQuery, { instanceId: row.id, first: 20, after: null });
  const usable = recordings.data?.recordings.nodes.filter(({ signals }) => signals.includes(path)) ?? [];
  const [draft, setDraft] = useState(() => firstOverride(modality, newestOf(live.feed(interestIn(row.id, signal)))));
  const [errors, setErrors] = useState<Errors>({});
  const [busy, setBusy] = useState(false);
  /** Sent again after no answer, it makes no second rule. */
  const command = useRef({ id: newCommandId(), wish: '' });
  const change: Change = (parts) => setDraft((before) => ({ ...before, ...parts }));
  const rules = rulesFor(modality, usable.length > 0);

  const set = async (): Promise<void> => {
    const read = readOverride(modality, draft);
    setErrors(read.ok ? {} : read.errors);
    if (!read.ok) return;
    const wish = JSON.stringify(read.wish);
    if (command.current.wish !== wish) command.current = { id: newCommandId(), wish };
    setBusy(true);
    const { index, patch, ...plain } = read.wish;
    const input = { instanceId: row.id, path, commandId: command.current.id, ...plain, ...(index === undefined ? {} : { index: [...index] }), ...(patch === undefined ? {} : { patch }) };
    const outcome = await outcomeOf(zoo.mutate(OverrideSetMutation, { input }));
    setBusy(false);
    if (!outcome.ok) { setErrors(errorsByField(outcome.errors)); return; }
    announce(`${path} is overridden`);
    onClose();
  };

  const rest = Object.entries(errors).filter(([key]) => !OWN_FIELDS.test(key));
  return (
    <Dialog title={`Override ${path}`} onClose={onClose}>
      <p className="soft small">{modalityText(modality)}</p>
      <form
        className="fields override"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void set();
        }}
      >
        {rules.length > 1 && <Segments legend="Rule" hiddenLegend segments={rules.map((rule) => ({ value: rule, label: ruleLabel(rule) }))} value={draft.rule} onChange={(rule: Rule) => change({ rule })} />}
        {hasElements(modality) && (
          <Segments
            legend="Which part"
            hiddenLegend
            segments={[
              { value: 'whole', label: 'All of it' },
              { value: 'element', label: 'One element' },
            ]}
            value={draft.whole ? 'whole' : 'element'}
            onChange={(part) => change({ whole: part === 'whole' })}
          />
        )}
        {hasElements(modality) && !draft.whole && <Element modality={modality} draft={draft} error={errors.index} onChange={change} />}
        {(draft.rule === 'SET' || draft.rule === 'BLEND') && <Value modality={modality} draft={draft} errors={errors} onChange={change} />}
        {draft.rule === 'SCALE' && <NumberField label="Factor" range={{ low: 0, high: 2, step: 0.01 }} value={draft.values[0] ?? ''} error={errors['value.0'] ?? errors.value} onChange={(value) => change({ values: [value, ...draft.values.slice(1)] })} />}
        {draft.rule === 'CLAMP' && (
          <div className="pair">
            <NumberField label="At least" value={draft.low} error={errors.low} onChange={(low) => change({ low })} />
            <NumberField label="At most" value={draft.high} error={errors.high} onChange={(high) => change({ high })} />
          </div>
        )}
        {draft.rule === 'BLEND' && <NumberField label="How much of that" range={{ low: 0, high: 1, step: 0.01 }} value={draft.weight} error={errors.weight} onChange={(weight) => change({ weight })} />}
        {draft.rule === 'PATCH' && <Patch recordings={usable} draft={draft} errors={errors} onChange={change} />}
        <Segments legend="It stands" segments={EXPIRIES} value={draft.expiry} onChange={(expiry) => change({ expiry })} />
        {draft.expiry !== 'never' && (
          <NumberField label={draft.expiry === 'seconds' ? 'For so many seconds' : 'For so many steps'} value={draft.duration} error={errors.duration ?? errors.expiresInSeconds ?? errors.expiresInSteps} onChange={(duration) => change({ duration })} />
        )}
        {/float/.test(modality.dtype) && (
          <Switch checked={draft.nonFinite} onChange={(nonFinite) => change({ nonFinite })}>
            Allow infinity and NaN
          </Switch>
        )}
        {rest.length > 0 && (
          <Notice tone="bad" role="alert">
            {rest.map(([, message]) => message).join('\n')}
          </Notice>
        )}
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" tone="primary" busy={busy}>
            {busy ? 'Asking…' : 'Override it'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What it is now, where it is watched whole. */
function newestOf({ latest }: Feed): ArrayLike<number> | undefined {
  if (latest?.content.kind === 'scalar') return [latest.content.value];
  return latest?.content.kind === 'array' ? latest.content.array.values : undefined;
}

/** Errors at these stand beside their fields. */
const OWN_FIELDS = /^(value(\.\d+)?|low|high|weight|index|duration|expiresIn\w+|patch(\..*)?|fromStep)$/;

interface PartProps {
  readonly modality: SignalOffer['modality'];
  readonly draft: OverrideDraft;
  readonly onChange: Change;
}

function Element({ modality, draft, error, onChange }: PartProps & { readonly error: string | undefined }) {
  const names = elementNames(modality);
  return (
    <Field label="Which element" hint={names === undefined ? `Its place on each axis, counted from 0: ${modality.shape.map(() => '0').join(', ')}` : undefined} error={error}>
      {(wiring) =>
        names === undefined ? (
          <input {...wiring} className="input" inputMode="text" autoComplete="off" value={draft.index} onChange={(event) => onChange({ index: event.target.value })} />
        ) : (
          <select {...wiring} className="input" value={draft.index} onChange={(event) => onChange({ index: event.target.value })}>
            {names.map((name, i) => (
              <option key={i} value={i}>
                {name}
              </option>
            ))}
          </select>
        )
      }
    </Field>
  );
}

function Value({ modality, draft, errors, onChange }: PartProps & { readonly errors: Errors }) {
  const setValue = (i: number, value: string): void => onChange({ values: draft.values.map((old, j) => (j === i ? value : old)) });
  const [first = ''] = draft.values;
  const firstError = errors['value.0'] ?? errors.value;
  const one = hasElements(modality) && !draft.whole;
  if (one) return <NumberField label="Value" range={rangeOfComponent(modality, Number(draft.index.split(',')[0]) || 0)} value={first} error={firstError} onChange={(value) => setValue(0, value)} />;
  const form = valueForm(modality);
  switch (form.kind) {
    case 'choice':
      return <Segments legend="Value" hiddenLegend segments={form.labels.map((label, i) => ({ value: String(i + form.low), label }))} value={first} onChange={(value) => setValue(0, value)} />;
    case 'text':
    case 'json':
      return (
        <Field label={form.kind === 'text' ? 'Text' : 'Value, as JSON'} error={firstError}>
          {(wiring) => <textarea {...wiring} className="input" rows={3} spellCheck={false} value={first} onChange={(event) => setValue(0, event.target.value)} />}
        </Field>
      );
    case 'uniform':
      return <NumberField label="Every element" range={rangeOfComponent(modality, 0)} value={first} error={firstError} onChange={(value) => setValue(0, value)} />;
    case 'components':
      return Array.from({ length: form.count }, (_, i) => (
        <NumberField
          key={i}
          label={form.count === 1 ? 'Value' : componentName(modality, i)}
          range={rangeOfComponent(modality, i)}
          value={draft.values[i] ?? ''}
          error={errors[`value.${i}`] ?? (i === 0 ? errors.value : undefined)}
          onChange={(value) => setValue(i, value)}
        />
      ));
  }
}

interface PatchProps {
  readonly recordings: readonly { readonly id: string; readonly firstStep: number; readonly lastStep: number; readonly createdAt: string }[];
  readonly draft: OverrideDraft;
  readonly errors: Errors;
  readonly onChange: Change;
}

function Patch({ recordings, draft, errors, onChange }: PatchProps) {
  const now = useNow(60_000);
  return (
    <>
      <Field label="Recording" error={errors.patch ?? errors['patch.recordingId']}>
        {(wiring) => (
          <select
            {...wiring}
            className="input"
            value={draft.recordingId}
            onChange={(event) => {
              const chosen = recordings.find(({ id }) => id === event.target.value);
              onChange({ recordingId: event.target.value, ...(chosen === undefined ? {} : { fromStep: String(chosen.firstStep) }) });
            }}
          >
            <option value="">Choose…</option>
            {recordings.map(({ id, firstStep, lastStep, createdAt }) => (
              <option key={id} value={id}>
                steps {formatCount(firstStep)} to {formatCount(lastStep)}, {formatAgo(createdAt, now)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <NumberField label="From its step" value={draft.fromStep} error={errors.fromStep ?? errors['patch.fromStep']} onChange={(fromStep) => onChange({ fromStep })} />
    </>
  );
}
