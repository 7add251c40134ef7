import { Field } from './Field';

interface Props {
  readonly label: string;
  /** As it was typed. */
  readonly value: string;
  /** With bounds there is a slider too. */
  readonly range?: { readonly low: number; readonly high: number; readonly step: number } | undefined;
  readonly error?: string | undefined;
  readonly onChange: (value: string) => void;
}

/** A number to type, and to slide where it has bounds. */
export function NumberField({ label, value, range, error, onChange }: Props) {
  return (
    <Field label={label} error={error}>
      {(wiring) => {
        const input = <input {...wiring} className="input" inputMode="decimal" autoComplete="off" value={value} onChange={(event) => onChange(event.target.value)} />;
        if (range === undefined) return input;
        const number = Number(value);
        return (
          <div className="slider-row">
            <input
              type="range"
              aria-label={`${label}, slider`}
              min={range.low}
              max={range.high}
              step={range.step}
              value={value.trim() === '' || Number.isNaN(number) ? range.low : number}
              onChange={(event) => onChange(event.target.value)}
            />
            {input}
          </div>
        );
      }}
    </Field>
  );
}
