/** Whether an element is on the screen or close to it. */
import { useEffect, useState, type RefObject } from 'react';

export function useOnScreen(element: RefObject<Element | null>): boolean {
  const [onScreen, setOnScreen] = useState(false);
  useEffect(() => {
    const observed = element.current;
    if (observed === null) return undefined;
    const observer = new IntersectionObserver((entries) => setOnScreen(entries.at(-1)?.isIntersecting ?? false), { rootMargin: '120px' });
    observer.observe(observed);
    return () => observer.disconnect();
  }, [element]);
  return onScreen;
}
