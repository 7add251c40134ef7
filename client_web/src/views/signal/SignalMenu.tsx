/** How a signal is watched, and what else can be done with it. */
import { useId, type ReactNode } from 'react';
import type { Modality } from '../../domain/modality';
import { RATES, reductionsOf, reductionText, type Reduction, type WatchChoice } from '../../domain/reduction';
import { Menu } from '../../ui/Menu';

interface Props {
  readonly path: string;
  readonly modality: Modality;
  readonly choice: WatchChoice;
  /** Values a second at most, as it is now. */
  readonly rate: number;
  readonly onChoose: (choice: WatchChoice) => void;
  readonly children?: ReactNode;
}

export function SignalMenu({ path, modality, choice, rate, onChoose, children }: Props) {
  const id = useId();
  const forms = reductionsOf(modality);
  return (
    <Menu label={`More for ${path}`} icon="more">
      <div className="menu-field">
        <label htmlFor={`${id}-rate`}>At most</label>
        <select id={`${id}-rate`} className="input" value={rate} onChange={(event) => onChoose({ ...choice, maxRate: Number(event.target.value) })}>
          {[...new Set([...RATES, rate])]
            .sort((a, b) => a - b)
            .map((each) => (
              <option key={each} value={each}>
                {each} a second
              </option>
            ))}
        </select>
      </div>
      {forms.length > 1 && (
        <div className="menu-field">
          <label htmlFor={`${id}-form`}>Show</label>
          <select
            id={`${id}-form`}
            className="input"
            value={choice.reduce ?? ''}
            onChange={(event) => onChoose({ ...choice, reduce: event.target.value === '' ? undefined : (event.target.value as Reduction) })}
          >
            <option value="">What suits it</option>
            {forms.map((form) => (
              <option key={form} value={form}>
                {reductionText(form)}
              </option>
            ))}
          </select>
        </div>
      )}
      {children}
    </Menu>
  );
}
