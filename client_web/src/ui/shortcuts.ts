/** Single-key shortcuts. They rest while somebody types, and leave a focused control its own keys. */
import { useEffectEvent, useLayoutEffect } from 'react';

export type Shortcuts = Readonly<Record<string, (() => void) | undefined>>;

const TYPING = 'input:not([type=range]):not([type=radio]), textarea, select, [contenteditable]';
const OWN_KEYS: Readonly<Record<string, string>> = {
  ' ': 'button, a, summary, input, [role=switch]',
  ArrowLeft: 'input, [role=slider]',
  ArrowRight: 'input, [role=slider]',
  Home: 'input, [role=slider]',
  End: 'input, [role=slider]',
};

export function useShortcuts(shortcuts: Shortcuts): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (document.querySelector('dialog[open]') !== null || target.closest(TYPING) !== null) return;
    const owner = OWN_KEYS[event.key];
    if (owner !== undefined && target.closest(owner) !== null) return;
    const act = event.shiftKey && event.key.length > 1 ? shortcuts[`Shift+${event.key}`] : shortcuts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
  // With the commit that shows the page, not after it: whoever sees the page may press a key.
  useLayoutEffect(() => {
    const listener = (event: KeyboardEvent): void => press(event);
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, []);
}
