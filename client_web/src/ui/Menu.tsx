import { useEffect, useEffectEvent, useRef, type ReactNode } from 'react';
import { Icon, type IconName } from './Icon';

interface Props {
  readonly label: string;
  /** With an icon the label is its name only. */
  readonly icon?: IconName;
  readonly children: ReactNode;
}

/** What is opened by a button and folded again by Escape, by a press elsewhere, or when the focus goes on. */
export function Menu({ label, icon, children }: Props) {
  const details = useRef<HTMLDetailsElement>(null);
  const leave = useEffectEvent((event: PointerEvent | FocusEvent) => {
    const menu = details.current;
    if (menu?.open === true && event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
  });
  useEffect(() => {
    const listener = (event: PointerEvent | FocusEvent): void => leave(event);
    addEventListener('pointerdown', listener);
    addEventListener('focusin', listener);
    return () => {
      removeEventListener('pointerdown', listener);
      removeEventListener('focusin', listener);
    };
  }, []);
  return (
    <details
      ref={details}
      className="menu"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || details.current?.open !== true) return;
        event.stopPropagation();
        details.current.open = false;
        details.current.querySelector('summary')?.focus();
      }}
    >
      <summary className="button" data-tone="plain" {...(icon === undefined ? {} : { 'data-square': true, 'aria-label': label, title: label })}>
        {icon === undefined ? label : <Icon name={icon} />}
      </summary>
      <div className="menu-body">{children}</div>
    </details>
  );
}
