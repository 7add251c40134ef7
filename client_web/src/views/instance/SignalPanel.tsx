/** Inputs and outputs, live; any other signal can be added. */
import { useState } from 'react';
import type { InstanceRow, SignalOffer } from '../../api/documents';
import { hasEnded } from '../../domain/phase';
import { FRAME } from '../../domain/picture';
import { Panel } from '../../ui/Panel';
import { SignalView } from '../signal/SignalView';

const GROUPS: readonly (readonly [string, (path: string) => boolean])[] = [
  ['It perceives', (path) => path.startsWith('inputs.')],
  ['It proposes', (path) => path.startsWith('outputs.')],
  ['It does', (path) => path === 'action' || path.startsWith('action.')],
];
const SHOWN_PER_GROUP = 4;

export function SignalPanel({ row, signals }: { readonly row: InstanceRow; readonly signals: readonly SignalOffer[] }) {
  const [added, setAdded] = useState<readonly string[]>([]);
  if (signals.length === 0) return null;
  const moving = row.phase === 'RUNNING';
  const ended = hasEnded(row.phase);
  const grouped = GROUPS.map(([title, belongs]) => ({ title, members: signals.filter(({ path }) => belongs(path)).slice(0, SHOWN_PER_GROUP) }));
  const inSight = new Set([FRAME, ...added, ...grouped.flatMap(({ members }) => members.map(({ path }) => path))]);
  const others = signals.filter(({ path }) => !inSight.has(path));

  return (
    <Panel title="Signals">
      {ended && <p className="soft small">It has ended: nothing moves any more.</p>}
      {!ended && (
        <div className="signals">
          {grouped.map(
            ({ title, members }) =>
              members.length > 0 && (
                <section key={title} aria-label={title}>
                  <h3>{title}</h3>
                  {members.map((signal) => (
                    <SignalView key={signal.path} instanceId={row.id} signal={signal} moving={moving} />
                  ))}
                </section>
              ),
          )}
          {added.length > 0 && (
            <section aria-label="Also watched">
              <h3>Also watched</h3>
              {signals
                .filter(({ path }) => added.includes(path))
                .map((signal) => (
                  <SignalView key={signal.path} instanceId={row.id} signal={signal} moving={moving} />
                ))}
            </section>
          )}
          {others.length > 0 && (
            <label className="field">
              <span className="unseen">Watch another signal</span>
              <select className="input" value="" onChange={(event) => setAdded([...added, event.target.value])}>
                <option value="">Watch another signal…</option>
                {others.map(({ path }) => (
                  <option key={path} value={path}>
                    {path}
                  </option>
                ))}
              </select>
            </label>
          )}
        </div>
      )}
    </Panel>
  );
}
