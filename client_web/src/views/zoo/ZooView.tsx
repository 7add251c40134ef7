/** Home: who lives here now, in which worlds, and who did. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { Link } from 'wouter';
import { InstancesQuery, WorldsQuery } from '../../api/documents';
import { roster } from '../../domain/roster';
import { useAnswer } from '../../live/answer';
import { useMay } from '../../live/home';
import { useConnection, useInterest, useRosterRows, useStreamState } from '../../live/hooks';
import { Icon } from '../../ui/Icon';
import { Notice } from '../../ui/Notice';
import { useShortcuts } from '../../ui/shortcuts';
import { EndedList } from './EndedList';
import { InstanceCard } from './InstanceCard';
import { ModelList } from './ModelList';
import { ProcessList } from './ProcessList';
import { WorldList } from './WorldList';

const NEWEST = 100;
const SEARCH_FROM = 4;

export function ZooView() {
  useInterest({ roster: true });
  const { live } = useConnection();
  const rows = useRosterRows();
  const stream = useStreamState();
  const { data, error } = useAnswer(InstancesQuery, { first: NEWEST, after: null, phase: null });
  const worlds = useAnswer(WorldsQuery, {}, { everyMs: 4000 });
  const mayLaunch = useMay('LAUNCH');
  const [search, setSearch] = useState('');
  const searchField = useRef<HTMLInputElement>(null);
  useShortcuts({ '/': () => searchField.current?.focus() });

  useEffect(() => data?.instances.nodes.forEach((row) => live.enlist(row)), [data, live]);
  const { alive, ended } = useMemo(() => roster(rows, search), [rows, search]);
  const loading = data === undefined && rows.length === 0 && error === undefined;
  const empty = !loading && rows.length === 0;

  return (
    <>
      <header className="page-head">
        <div>
          <h1>The zoo</h1>
          <p className="soft">{summary(rows.length === 0 ? 0 : alive.length, ended.length, loading)}</p>
        </div>
        {rows.length >= SEARCH_FROM && (
          <label className="search">
            <span className="unseen">Search by name, model or tag</span>
            <Icon name="search" />
            <input ref={searchField} className="input" type="search" placeholder="Search" value={search} onChange={(event) => setSearch(event.target.value)} />
          </label>
        )}
      </header>

      {error !== undefined && stream.kind !== 'live' && rows.length === 0 && <Notice tone="bad">{error}</Notice>}

      {empty && (
        <div className="empty">
          <h2>{mayLaunch ? 'No AInimals yet' : 'Nothing is running'}</h2>
          <p className="soft">{mayLaunch ? 'Choose a model and a world, and watch it learn.' : 'Come back when somebody has launched one.'}</p>
          {mayLaunch && (
            <Link href="/launch" className="button" data-tone="primary">
              <Icon name="plus" />
              Launch one
            </Link>
          )}
        </div>
      )}

      {!empty && (
        <section aria-label="Running instances" aria-busy={loading}>
          {search !== '' && alive.length === 0 && ended.length === 0 && <p className="soft">Nothing matches “{search}”.</p>}
          {alive.length === 0 && search === '' && !loading && (
            <p className="soft">
              Nothing runs at the moment.{' '}
              {mayLaunch && <Link href="/launch">Launch one</Link>}
            </p>
          )}
          <div className="cards">
            {alive.map((row) => (
              <InstanceCard key={row.id} row={row} />
            ))}
          </div>
        </section>
      )}

      {worlds.data !== undefined && <WorldList worlds={worlds.data.environmentInstances.nodes} environments={worlds.data.environments.nodes} />}
      <EndedList rows={ended} />
      <ModelList />
      <ProcessList />
    </>
  );
}

function summary(alive: number, ended: number, loading: boolean): string {
  if (loading) return 'Looking around…';
  const parts = [`${alive} living`];
  if (ended > 0) parts.push(`${ended} ended`);
  return parts.join(' · ');
}
