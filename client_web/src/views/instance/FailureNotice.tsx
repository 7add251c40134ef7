import type { InstanceRow } from '../../api/documents';
import { formatCount } from '../../domain/format';
import { phaseLook } from '../../domain/phase';
import { Notice } from '../../ui/Notice';

interface Props {
  readonly failure: NonNullable<InstanceRow['failure']>;
  readonly phase: InstanceRow['phase'];
}

const WHOSE: Readonly<Record<string, string>> = {
  AINIMAL_FAULT: 'The model’s own code raised an error',
  ENV_FAULT: 'The world’s own code raised an error',
};

export function FailureNotice({ failure, phase }: Props) {
  const where = failure.step === null ? '' : ` at step ${formatCount(failure.step)}`;
  return (
    <div className="failure">
      <Notice tone="bad" role="alert">
        <strong>
          {WHOSE[failure.code] ?? phaseLook(phase).label}
          {where}
        </strong>
        {`\n${failure.message}`}
      </Notice>
      {failure.traceback !== null && (
        <details className="traceback" open>
          <summary>Traceback</summary>
          <pre tabIndex={0} role="region" aria-label="Traceback">{failure.traceback}</pre>
        </details>
      )}
    </div>
  );
}
