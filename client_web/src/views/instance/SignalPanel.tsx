/** Inputs, outputs and the action, live; any other signal can be found by its path and watched, and changed where that is allowed. */
import { useState } from 'react';
import type { InstanceRow, SignalOffer } from '../../api/documents';
import { hasEnded } from '../../domain/phase';
import { FRAME } from '../../domain/picture';
import { rootTitle } from '../../domain/signaltree';
import { Button } from '../../ui/Button';
import { Panel } from '../../ui/Panel';
import { SignalView } from '../signal/SignalView';
import { SignalBrowser, type RootCounts } from './SignalBrowser';

const GROUPS = ['inputs', 'outputs', 'action'] as const;
const SHOWN_PER_GROUP = 4;

interface Props {
  readonly row: InstanceRow;
  /** Those that every model has. */
  readonly signals: readonly SignalOffer[];
  readonly counts: RootCounts;
  /** Opens the form for a rule; undefined where the viewer may make none. */
  readonly onOverride: ((signal: SignalOffer) => void) | undefined;
}

export function SignalPanel({ row, signals, counts, onOverride }: Props) {
  const [added, setAdded] = useState<readonly SignalOffer[]>([]);
  if (signals.length === 0) return null;
  const ended = hasEnded(row.phase);
  const grouped = GROUPS.map((root) => ({ title: rootTitle(root), members: signals.filter(({ path }) => path === root || path.startsWith(`${root}.`)).slice(0, SHOWN_PER_GROUP) }));
  const shown = new Set(grouped.flatMap(({ members }) => members.map(({ path }) => path)));
  const watched = new Set([...shown, ...added.map(({ path }) => path)]);
  const sections = [...grouped, { title: 'Also watched', members: added.filter(({ path }) => !shown.has(path)) }];
  const leave = (path: string): void => setAdded((before) => before.filter((signal) => signal.path !== path));

  return (
    <Panel title="Signals">
      {ended && <p className="soft small">It has ended: nothing moves any more.</p>}
      {!ended && (
        <div className="signals">
          {sections.map(
            ({ title, members }) =>
              members.length > 0 && (
                <section key={title} aria-label={title}>
                  <h3>{title}</h3>
                  {members.map((signal) => (
                    <SignalView key={signal.path} instanceId={row.id} signal={signal} moving={row.phase === 'RUNNING'}>
                      {signal.overridable && onOverride !== undefined && (
                        <Button tone="plain" icon="rule" onClick={() => onOverride(signal)}>
                          Override
                        </Button>
                      )}
                      {!shown.has(signal.path) && (
                        <Button tone="plain" icon="close" onClick={() => leave(signal.path)}>
                          Stop watching
                        </Button>
                      )}
                    </SignalView>
                  ))}
                </section>
              ),
          )}
          <SignalBrowser
            instanceId={row.id}
            shallow={signals.filter(({ path }) => path !== FRAME)}
            counts={counts}
            watched={watched}
            fixed={shown}
            onWatch={(signal) => setAdded((before) => [...before, signal])}
            onLeave={leave}
            onOverride={onOverride}
          />
        </div>
      )}
    </Panel>
  );
}
