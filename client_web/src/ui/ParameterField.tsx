/** One launch parameter as a form field, drawn from its description. */
import { fieldKind, label, rangeText, sliderStep, type Draft, type ParameterSpec } from '../domain/parameters';
import { Field, type Wiring } from './Field';
import { Switch } from './Switch';

interface Props {
  readonly spec: ParameterSpec;
  readonly draft: Draft;
  readonly error?: string | undefined;
  readonly onChange: (draft: Draft) => void;
}

export function ParameterField({ spec, draft, error, onChange }: Props) {
  const hint = [spec.description, rangeText(spec)].filter(Boolean).join(' · ');
  return (
    <Field label={label(spec)} hint={hint} error={error}>
      {(wiring) => <Control spec={spec} draft={draft} wiring={wiring} onChange={onChange} />}
    </Field>
  );
}

function Control({ spec, draft, wiring, onChange }: { readonly spec: ParameterSpec; readonly draft: Draft; readonly wiring: Wiring; readonly onChange: (draft: Draft) => void }) {
  const text = typeof draft === 'string' ? draft : '';
  const common = { ...wiring, className: 'input', name: spec.name };
  switch (fieldKind(spec)) {
    case 'switch':
      return (
        <Switch id={wiring.id} aria-describedby={wiring['aria-describedby']} checked={draft === true} onChange={onChange}>
          {draft === true ? 'On' : 'Off'}
        </Switch>
      );
    case 'choice':
      return (
        <select {...common} value={text} onChange={(event) => onChange(event.target.value)}>
          {(!spec.required || text === '') && spec.default === null && <option value="">{spec.required ? 'Choose…' : 'Default'}</option>}
          {spec.choices?.map((choice) => {
            const json = JSON.stringify(choice);
            return (
              <option key={json} value={json}>
                {typeof choice === 'string' ? choice : json}
              </option>
            );
          })}
        </select>
      );
    case 'slider':
      return (
        <div className="slider-row">
          <input
            type="range"
            aria-label={`${label(spec)}, slider`}
            min={spec.minimum ?? 0}
            max={spec.maximum ?? 1}
            step={sliderStep(spec)}
            value={Number.isNaN(Number(text)) || text === '' ? (spec.minimum ?? 0) : Number(text)}
            onChange={(event) => onChange(event.target.value)}
          />
          <input {...common} inputMode="decimal" autoComplete="off" value={text} onChange={(event) => onChange(event.target.value)} />
        </div>
      );
    case 'number':
      return <input {...common} inputMode="decimal" autoComplete="off" value={text} onChange={(event) => onChange(event.target.value)} />;
    case 'text':
      return <input {...common} autoComplete="off" value={text} onChange={(event) => onChange(event.target.value)} />;
    case 'json':
      return <textarea {...common} rows={3} spellCheck={false} value={text} onChange={(event) => onChange(event.target.value)} />;
  }
}
