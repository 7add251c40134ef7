/** A form that creates something: checked here, then by the zoo, whose refusals lead to the field that they name. */
import { useRef, useState, type RefObject } from 'react';
import { newCommandId } from '../../api/command';
import { outcomeOf, type UserError } from '../../api/outcome';
import { errorsByField } from '../../domain/parameters';

/** By field; what belongs to no field is under the empty name. */
export type Errors = Readonly<Record<string, string>>;

export interface Submission {
  readonly form: RefObject<HTMLFormElement | null>;
  readonly busy: boolean;
  readonly errors: Errors;
  readonly setErrors: (change: Errors | ((old: Errors) => Errors)) => void;
  /** Asks the zoo unless something was found wrong before; answers undefined when it is refused. */
  readonly send: <P extends { userErrors: readonly UserError[] }>(found: Errors, request: (commandId: string) => Promise<{ outcome: P }>) => Promise<P | undefined>;
}

export function useSubmission(first: Errors = {}): Submission {
  const form = useRef<HTMLFormElement>(null);
  const [errors, setErrors] = useState<Errors>(first);
  const [busy, setBusy] = useState(false);
  const [commandId, setCommandId] = useState(newCommandId);

  const refuse = (found: Errors): void => {
    setErrors(found);
    // The fields are marked as invalid by then.
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
  };

  return {
    form,
    busy,
    errors,
    setErrors,
    send: async (found, request) => {
      if (Object.keys(found).length > 0) { refuse(found); return undefined; }
      setErrors({});
      setBusy(true);
      const outcome = await outcomeOf(request(commandId));
      setBusy(false);
      if (outcome.ok) return outcome.value;
      // A refused command is used up: the corrected form is a new one.
      setCommandId(newCommandId());
      refuse(errorsByField(outcome.errors));
      return undefined;
    },
  };
}
