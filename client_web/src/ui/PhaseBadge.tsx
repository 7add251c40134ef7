import { phaseLook, type Phase } from '../domain/phase';
import { Icon, type IconName } from './Icon';

const ICONS: Readonly<Record<Phase, IconName>> = {
  PENDING: 'wait',
  STARTING: 'wait',
  RUNNING: 'play',
  PAUSED: 'pause',
  HIBERNATED: 'moon',
  STOPPING: 'wait',
  TERMINATED: 'ended',
  FAILED: 'alert',
  LOST: 'question',
};

/** A phase in an icon, a word and a colour; the colour is never alone. */
export function PhaseBadge({ phase }: { readonly phase: Phase }) {
  const { label, tone } = phaseLook(phase);
  return (
    <span className="badge" data-tone={tone} data-phase={phase}>
      <Icon name={ICONS[phase]} />
      {label}
    </span>
  );
}
