/** Around the fields of a form that launches something: what is wrong with none of them, and the button. */
import type { ReactNode } from 'react';
import { Button } from '../../ui/Button';
import { Notice } from '../../ui/Notice';
import type { Submission } from './submission';

interface Props {
  readonly submission: Submission;
  /** What is launched. */
  readonly name: string;
  /** The names of errors that are shown at a field. */
  readonly fields: ReadonlySet<string>;
  readonly onSubmit: () => void;
  readonly children: ReactNode;
}

export function FormFrame({ submission: { form, busy, errors }, name, fields, onSubmit, children }: Props) {
  const rest = Object.entries(errors).filter(([key]) => !fields.has(key));
  return (
    <form
      ref={form}
      className="launch-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) onSubmit();
      }}
    >
      {children}
      {rest.length > 0 && (
        <Notice tone="bad" role="alert">
          {rest.map(([, message]) => message).join('\n')}
        </Notice>
      )}
      <div className="form-end">
        <Button type="submit" tone="primary" icon="play" busy={busy}>
          {busy ? 'Launching…' : `Launch ${name}`}
        </Button>
      </div>
    </form>
  );
}
