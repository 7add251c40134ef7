import { useId, type ReactNode } from 'react';
import { Icon } from './Icon';

export interface Wiring {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': boolean;
}

interface Props {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  readonly children: (wiring: Wiring) => ReactNode;
}

/** A labelled field; hint and error are tied to the control that `children` draws. */
export function Field({ label, hint, error, children }: Props) {
  const id = useId();
  const hintId = hint === undefined || hint === '' ? undefined : `${id}-hint`;
  const errorId = error === undefined ? undefined : `${id}-error`;
  const describedBy = [hintId, errorId].filter((part) => part !== undefined).join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hintId && (
        <div id={hintId} className="hint">
          {hint}
        </div>
      )}
      {children({ id, 'aria-describedby': describedBy === '' ? undefined : describedBy, 'aria-invalid': error !== undefined })}
      {errorId && (
        <div id={errorId} className="error" role="alert">
          <Icon name="alert" />
          <span>{error}</span>
        </div>
      )}
    </div>
  );
}
