/** Every signal by its path: roots first, what is below them when they are opened. */
import { useEffect, useMemo, useState } from 'react';
import { BranchQuery, type SignalOffer } from '../../api/documents';
import type { ResultOf } from '../../api/graphql';
import { formatCount } from '../../domain/format';
import { pathMatches, rootTitle, ROOTS, SHALLOW, treeOf, type Branch, type Root } from '../../domain/signaltree';
import { useConnection } from '../../live/hooks';
import { Button } from '../../ui/Button';
import { Icon } from '../../ui/Icon';
import { modalityText } from '../signal/SignalView';

export type RootCounts = Readonly<Record<Root, number>>;

interface Props {
  readonly instanceId: string;
  readonly shallow: readonly SignalOffer[];
  readonly counts: RootCounts;
  readonly watched: ReadonlySet<string>;
  /** Watched as long as the page is open. */
  readonly fixed: ReadonlySet<string>;
  readonly onWatch: (signal: SignalOffer) => void;
  readonly onLeave: (path: string) => void;
  readonly onOverride: ((signal: SignalOffer) => void) | undefined;
}

export function SignalBrowser({ instanceId, shallow, counts, ...rest }: Props) {
  const [search, setSearch] = useState('');
  const roots = ROOTS.filter((root) => counts[root] > 0);
  const total = roots.reduce((sum, root) => sum + counts[root], 0);
  return (
    <details className="browser">
      <summary>
        <Icon name="chevron" />
        All signals
        <span className="count soft small">{formatCount(total)}</span>
      </summary>
      <label className="search">
        <span className="unseen">Search by path</span>
        <Icon name="search" />
        <input className="input" type="search" placeholder="Search by path" autoCapitalize="off" spellCheck={false} value={search} onChange={(event) => setSearch(event.target.value)} />
      </label>
      <ul className="branches">
        {roots.map((root) => (
          <RootBranch key={root} root={root} instanceId={instanceId} known={SHALLOW.includes(root) ? shallow.filter(({ path }) => path === root || path.startsWith(`${root}.`)) : undefined} count={counts[root]} search={search} {...rest} />
        ))}
      </ul>
    </details>
  );
}

type Choices = Omit<Props, 'instanceId' | 'shallow' | 'counts'>;

interface RootProps extends Choices {
  readonly root: Root;
  readonly instanceId: string;
  /** Undefined: asked for when the branch is opened. */
  readonly known: readonly SignalOffer[] | undefined;
  readonly count: number;
  readonly search: string;
}

function RootBranch({ root, instanceId, known, count, search, ...choices }: RootProps) {
  const [opened, setOpened] = useState(false);
  const searching = search.trim() !== '';
  const { signals, error, complete } = useBranch(instanceId, root, known, opened || searching);
  const found = useMemo(() => signals.filter(({ path }) => pathMatches(path, search)), [signals, search]);
  const tree = useMemo(() => treeOf(root, found), [root, found]);
  if (searching && complete && found.length === 0) return null;
  return (
    <li>
      <details open={opened || searching} onToggle={(event) => !searching && setOpened(event.currentTarget.open)}>
        <summary>
          <Icon name="chevron" />
          {rootTitle(root)}
          <span className="count soft small">{formatCount(searching && complete ? found.length : count)}</span>
        </summary>
        {(opened || searching) && <Branches branches={tree} open={searching} {...choices} />}
        {!complete && error === undefined && <p className="soft small">…</p>}
        {error !== undefined && <p className="soft small">{error}</p>}
      </details>
    </li>
  );
}

interface BranchesProps extends Choices {
  readonly branches: readonly Branch<SignalOffer>[];
  readonly open: boolean;
}

/** So many are laid out at once; the rest is found by searching. */
const MOST_SHOWN = 100;

function Branches({ branches, open, ...choices }: BranchesProps) {
  return (
    <ul className="branches">
      {branches.slice(0, MOST_SHOWN).map((branch) => (
        <li key={branch.path}>
          {branch.signal !== undefined && <Leaf name={branch.name} signal={branch.signal} {...choices} />}
          {branch.branches.length > 0 && <Twig branch={branch} open={open} {...choices} />}
        </li>
      ))}
      {branches.length > MOST_SHOWN && <li className="soft small">{formatCount(branches.length - MOST_SHOWN)} more: search for them</li>}
    </ul>
  );
}

function Twig({ branch, open, ...choices }: Choices & { readonly branch: Branch<SignalOffer>; readonly open: boolean }) {
  const [opened, setOpened] = useState(false);
  return (
    <details open={opened || open} onToggle={(event) => !open && setOpened(event.currentTarget.open)}>
      <summary>
        <Icon name="chevron" />
        <span className="mono">{branch.name}</span>
        <span className="count soft small">{formatCount(branch.count)}</span>
      </summary>
      {(opened || open) && <Branches branches={branch.branches} open={open} {...choices} />}
    </details>
  );
}

function Leaf({ name, signal, watched, fixed, onWatch, onLeave, onOverride }: Choices & { readonly name: string; readonly signal: SignalOffer }) {
  const { path, modality, observable, overridable, reason } = signal;
  const isWatched = watched.has(path);
  return (
    <div className="leaf">
      <div>
        <span className="mono">{name}</span>
        <p className="soft small" title={reason ?? undefined}>
          {modalityText(modality)}
          {!observable && reason !== null && ` · ${reason}`}
        </p>
      </div>
      {overridable && onOverride !== undefined && (
        <Button tone="plain" icon="rule" aria-label={`Override ${path}`} title="Override" data-square onClick={() => onOverride(signal)} />
      )}
      {observable && (
        <label className="tick">
          <input type="checkbox" aria-label={`Watch ${path}`} checked={isWatched} disabled={fixed.has(path)} onChange={() => (isWatched ? onLeave(path) : onWatch(signal))} />
          <span aria-hidden="true">Watch</span>
        </label>
      )}
    </div>
  );
}

interface Known {
  readonly signals: readonly SignalOffer[];
  readonly error?: string | undefined;
  readonly complete: boolean;
}

/** As many are asked for; whoever has more looks for them elsewhere. */
const MOST_ASKED = 5_000;

/** The signals below a root, page after page from when they are wanted. */
function useBranch(instanceId: string, root: Root, known: readonly SignalOffer[] | undefined, wanted: boolean): Known {
  const { zoo } = useConnection();
  const [asked, setAsked] = useState<Known>({ signals: [], complete: false });
  const ask = known === undefined && wanted;
  useEffect(() => {
    if (!ask) return undefined;
    let gone = false;
    const load = async (): Promise<void> => {
      const signals: SignalOffer[] = [];
      let after: string | null = null;
      do {
        const answer: ResultOf<typeof BranchQuery> = await zoo.query(BranchQuery, { id: instanceId, prefix: root, after });
        if (gone) return;
        const page = answer.instance?.signals;
        signals.push(...(page?.nodes ?? []));
        after = page?.pageInfo.hasNextPage === true ? page.pageInfo.endCursor : null;
        setAsked({ signals: [...signals], complete: after === null });
      } while (after !== null && signals.length < MOST_ASKED);
      setAsked({ signals, complete: true });
    };
    load().catch((error: unknown) => !gone && setAsked((before) => ({ ...before, error: error instanceof Error ? error.message : String(error) })));
    return () => {
      gone = true;
    };
  }, [zoo, instanceId, root, ask]);
  return known === undefined ? asked : { signals: known, complete: true };
}
