/** What became of a save that was asked for and is not there. */
import { reasons, type UserError } from '../api/outcome';
import { Notice } from '../ui/Notice';

export function SaveNotice({ errors, consequence = '' }: { readonly errors: readonly UserError[]; readonly consequence?: string }) {
  const onItsWay = errors.every(({ code }) => code === 'UNAVAILABLE');
  return (
    <Notice tone={onItsWay ? 'wait' : 'bad'} role="alert">
      <strong>
        {onItsWay ? 'It is not saved yet' : 'It is not saved'}
        {consequence}
        {'\n'}
      </strong>
      {reasons(errors)}
    </Notice>
  );
}
