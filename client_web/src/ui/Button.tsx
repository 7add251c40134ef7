import type { ButtonHTMLAttributes, Ref } from 'react';
import { Icon, type IconName } from './Icon';

export type ButtonTone = 'primary' | 'quiet' | 'plain' | 'danger';

interface Props extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'aria-busy'> {
  readonly tone?: ButtonTone;
  readonly icon?: IconName;
  /** Asked for and not answered yet: stays focusable, does nothing. */
  readonly busy?: boolean;
  readonly ref?: Ref<HTMLButtonElement>;
}

export function Button({ tone = 'quiet', icon, busy = false, children, onClick, type = 'button', ...rest }: Props) {
  return (
    <button {...rest} type={type} className="button" data-tone={tone} aria-busy={busy} onClick={busy ? undefined : onClick}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A square button with an icon; `label` is its name. */
export function IconButton({ label, icon, tone = 'plain', busy = false, onClick, ...rest }: Omit<Props, 'children'> & { readonly label: string; readonly icon: IconName }) {
  return (
    <button {...rest} type="button" className="button" data-tone={tone} data-square aria-busy={busy} aria-label={label} title={label} onClick={busy ? undefined : onClick}>
      <Icon name={icon} />
    </button>
  );
}
