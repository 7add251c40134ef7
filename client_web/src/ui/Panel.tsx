import { useId, type ReactNode } from 'react';
import { Icon } from './Icon';

/** A titled region of a page. */
export function Panel({ title, aside, children }: { readonly title: string; readonly aside?: ReactNode; readonly children: ReactNode }) {
  const id = useId();
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** A titled region that can be folded. */
export function FoldedPanel({ title, count, open = false, children }: { readonly title: string; readonly count?: ReactNode; readonly open?: boolean; readonly children: ReactNode }) {
  return (
    <details className="panel" open={open}>
      <summary>
        <Icon name="chevron" />
        <h2>{title}</h2>
        {count !== undefined && <span className="count soft small">{count}</span>}
      </summary>
      {children}
    </details>
  );
}
