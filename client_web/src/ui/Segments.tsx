import { useId } from 'react';

export interface Segment<T extends string> {
  readonly value: T;
  readonly label: string;
}

interface Props<T extends string> {
  readonly legend: string;
  readonly segments: readonly Segment<T>[];
  readonly value: T;
  readonly onChange: (value: T) => void;
  readonly hiddenLegend?: boolean;
}

/** One of a few, all in sight. */
export function Segments<T extends string>({ legend, segments, value, onChange, hiddenLegend = false }: Props<T>) {
  const name = useId();
  return (
    <fieldset className="field">
      <legend className={hiddenLegend ? 'unseen' : 'label'}>{legend}</legend>
      <div className="segments">
        {segments.map((segment) => (
          <label key={segment.value}>
            <input type="radio" name={name} checked={segment.value === value} onChange={() => onChange(segment.value)} />
            {segment.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
