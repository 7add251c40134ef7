/** One running world: its picture, who is in it, and the means to restart or end it. */
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { WorldPageQuery, WorldResetMutation, WorldTerminateMutation, type WorldRow } from '../../api/documents';
import { outcomeOf, reasons, type Outcome } from '../../api/outcome';
import { formatCount, formatRate } from '../../domain/format';
import { FRAME } from '../../domain/picture';
import { hasEnded } from '../../domain/phase';
import { useAnswer } from '../../live/answer';
import { useMay } from '../../live/home';
import { useConnection, useInterest, useWorldRow } from '../../live/hooks';
import { Button } from '../../ui/Button';
import { Confirm } from '../../ui/Dialog';
import { Icon } from '../../ui/Icon';
import { Panel } from '../../ui/Panel';
import { PhaseBadge } from '../../ui/PhaseBadge';
import { useVoice } from '../../ui/Toasts';
import { FailureNotice } from '../instance/FailureNotice';
import { Missing, PageHead } from '../PageHead';
import { LiveScreen } from '../signal/LiveScreen';

export function WorldView({ id }: { readonly id: string }) {
  useInterest({ worldIds: [id] });
  const { live } = useConnection();
  const { data, error } = useAnswer(WorldPageQuery, { id }, { everyMs: 5000 });
  const node = data?.node;
  const asked = node !== undefined && node !== null && 'phase' in node ? node : undefined;
  const row = useWorldRow(id) ?? asked;
  useEffect(() => {
    if (asked !== undefined) live.learnWorlds([asked]);
  }, [asked, live]);

  if (row === undefined) return <Missing what="world" answered={data !== undefined} error={error} />;
  const watchable = asked?.signals.nodes.some((signal) => signal.path === FRAME && signal.observable) ?? false;
  return <World row={row} watchable={watchable} />;
}

function World({ row, watchable }: { readonly row: WorldRow; readonly watchable: boolean }) {
  const { zoo, live } = useConnection();
  const { complain, announce } = useVoice();
  const [ending, setEnding] = useState(false);
  const mayLaunch = useMay('LAUNCH');
  const ended = hasEnded(row.phase);
  const maySteer = row.viewerCan.includes('CONTROL') && !ended && row.phase !== 'STOPPING';
  const mayJoin = mayLaunch && !ended && row.phase !== 'STOPPING' && row.connected.length < row.environment.maxConnected;
  const input = { environmentInstanceId: row.id };
  const settle = (outcome: Outcome<{ readonly environmentInstance: WorldRow | null }>, done: string): void => {
    if (!outcome.ok) return complain(reasons(outcome.errors));
    if (outcome.value.environmentInstance !== null) live.learnWorlds([outcome.value.environmentInstance]);
    announce(done);
  };

  return (
    <>
      <PageHead title={row.name} badge={<PhaseBadge phase={row.phase} />}>
        A {row.environment.name} world{row.stage !== null && !ended && ` · ${row.stage}`}
      </PageHead>
      {row.failure !== null && <FailureNotice failure={row.failure} phase={row.phase} />}
      <div className="instance-grid">
        <div className="column">
          <section className="stage" aria-label="Live picture">
            <LiveScreen
              className="stage-screen"
              signal={watchable && !ended ? { instanceId: row.id, path: FRAME, maxRate: 30, reduce: 'JPEG', maxSize: 640 } : undefined}
              label={`Live picture of ${row.name}`}
              quiet={ended ? 'It has ended.' : watchable ? '' : (row.stage ?? 'This world has no picture.')}
              moving={row.phase === 'RUNNING' && row.connected.length > 0}
            />
          </section>
          {maySteer && (
            <section className="panel controls" aria-label="Controls">
              <div className="control-row">
                <Button icon="reset" onClick={() => void outcomeOf(zoo.mutate(WorldResetMutation, { input })).then((outcome) => settle(outcome, 'New episode asked'))}>
                  New episode
                </Button>
                <Button tone="danger" icon="ended" onClick={() => setEnding(true)}>
                  End
                </Button>
              </div>
            </section>
          )}
        </div>
        <div className="column">
          <dl className="tiles">
            <div>
              <dt>Step</dt>
              <dd>{formatCount(row.stats.step)}</dd>
            </div>
            <div>
              <dt>Episode</dt>
              <dd>{formatCount(row.stats.episode)}</dd>
            </div>
            <div>
              <dt>Speed</dt>
              <dd>{formatRate(row.stats.stepsPerSecond)}</dd>
            </div>
          </dl>
          <Panel title="Who is in it" aside={<span className="soft small">{row.connected.length} of {row.environment.maxConnected}</span>}>
            {row.connected.length === 0 ? (
              <p className="soft">{ended ? 'Nobody.' : 'Nobody yet.'}</p>
            ) : (
              <ul className="rows">
                {row.connected.map((instance) => (
                  <li key={instance.id}>
                    <div className="row-main">
                      <Link href={`/instances/${instance.id}`}>{instance.name}</Link>
                      <p className="soft small">{instance.modelName}</p>
                    </div>
                    <PhaseBadge phase={instance.phase} />
                  </li>
                ))}
              </ul>
            )}
            {mayJoin && (
              <Link href={`/launch?world=${row.id}`} className="button" data-tone="primary">
                <Icon name="plus" />
                Launch an AInimal into it
              </Link>
            )}
          </Panel>
        </div>
      </div>
      {ending && (
        <Confirm
          title={`End ${row.name}?`}
          action="End it"
          onClose={() => setEnding(false)}
          onConfirm={() => void outcomeOf(zoo.mutate(WorldTerminateMutation, { input })).then((outcome) => settle(outcome, 'Ending asked'))}
        >
          {row.connected.length > 0 ? 'The instances in it lose their world.' : 'Nobody is in it.'}
        </Confirm>
      )}
    </>
  );
}
