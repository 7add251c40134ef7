/** The beginning of a page: the way back, its title, and one line about it. And what stands there when there is no such page. */
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Notice } from '../ui/Notice';

interface Props {
  readonly title: string;
  /** Beside the title. */
  readonly badge?: ReactNode;
  /** At the other end. */
  readonly aside?: ReactNode;
  readonly up?: { readonly href: string; readonly label: string };
  readonly children?: ReactNode;
}

export function PageHead({ title, badge, aside, up = { href: '/', label: 'The zoo' }, children }: Props) {
  return (
    <header className="page-head">
      <div>
        <Link href={up.href} className="up">
          {up.label}
        </Link>
        <div className="title-line">
          <h1>{title}</h1>
          {badge}
        </div>
        {children !== undefined && <p className="soft">{children}</p>}
      </div>
      {aside}
    </header>
  );
}

/** While nothing can be shown: it is asked for, the zoo could not say, or there is none. `what`: "instance". */
export function Missing({ what, answered, error }: { readonly what: string; readonly answered: boolean; readonly error: string | undefined }) {
  if (error !== undefined) return <Notice tone="bad">{error}</Notice>;
  if (!answered) return <p className="soft">Looking for it…</p>;
  return (
    <div className="empty">
      <h1>Not here</h1>
      <p className="soft">There is no such {what}, or you may not see it.</p>
      <Link href="/" className="button">
        Back to the zoo
      </Link>
    </div>
  );
}
