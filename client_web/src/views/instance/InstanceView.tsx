/** One instance: what it sees, does and learns, and the means to steer it. */
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { InstancePageQuery, type InstancePage, type InstanceRow, type SignalOffer } from '../../api/documents';
import { hasWorld, modeText } from '../../domain/mode';
import { hasEnded, offers, phaseLook } from '../../domain/phase';
import { FRAME } from '../../domain/picture';
import { useAnswer } from '../../live/answer';
import { useConnection, useInstanceRow, useInterest } from '../../live/hooks';
import { PhaseBadge } from '../../ui/PhaseBadge';
import { useVoice } from '../../ui/Toasts';
import { Missing, PageHead } from '../PageHead';
import { CheckpointPanel } from './CheckpointPanel';
import { ControlBar } from './ControlBar';
import { DrivePanel } from './drive/DrivePanel';
import { EventPanel } from './EventPanel';
import { FactsPanel } from './FactsPanel';
import { FailureNotice } from './FailureNotice';
import { InferPanel } from './InferPanel';
import { LogPanel } from './LogPanel';
import { MetricPanel } from './MetricPanel';
import { OverrideDialog } from './OverrideDialog';
import { OverridePanel } from './OverridePanel';
import { RecordPanel } from './RecordPanel';
import { ReplayPanel } from './ReplayPanel';
import { SignalPanel } from './SignalPanel';
import { inputsOf, useSignals } from './signals';
import { Stage } from './Stage';
import { StatTiles } from './StatTiles';

export function InstanceView({ id }: { readonly id: string }) {
  useInterest({ instanceIds: [id] });
  const { live } = useConnection();
  const page = useAnswer(InstancePageQuery, { id });
  const row = useInstanceRow(id);
  const asked = page.data?.instance ?? undefined;
  useEffect(() => {
    if (asked !== undefined) live.learn([asked]);
  }, [asked, live]);
  // What a runner learns of the model is known once it has loaded it.
  const { ask } = page;
  const phase = row?.phase;
  useEffect(() => {
    if (phase === 'RUNNING') ask();
  }, [phase, ask]);

  const current = row ?? asked;
  if (current === undefined) return <Missing what="instance" answered={page.data !== undefined} error={page.error} />;
  return <Instance row={current} page={asked} />;
}

function Instance({ row, page }: { readonly row: InstanceRow; readonly page: InstancePage | undefined }) {
  const { signals, counts } = useSignals(row);
  const [overriding, setOverriding] = useState<SignalOffer>();
  const { announce } = useVoice();
  const { label } = phaseLook(row.phase);
  const speech = `${row.name}: ${label}${row.stage === null ? '' : `, ${row.stage}`}`;
  useEffect(() => announce(speech), [announce, speech]);
  const withoutWorld = !hasWorld(row);
  const doing = modeText(row);
  const inputs = page?.model?.inputs ?? inputsOf(signals);
  const modelId = page?.model?.id;
  const still = page?.thumbnail ?? undefined;
  const maySteer = offers(row).steer;
  // A script may have no environment, and a replay has one only where it steps one.
  const pictured = row.origin === 'LAUNCHED' || row.environment !== null || signals.some(({ path }) => path === FRAME);
  const mayBeSeen = !withoutWorld && (hasEnded(row.phase) ? still !== undefined : pictured);
  const canInfer = withoutWorld && maySteer && inputs !== undefined && inputs.length > 0;

  return (
    <>
      <PageHead title={row.name} badge={<PhaseBadge phase={row.phase} />}>
        {modelId === undefined ? row.modelName : <Link href={`/models/${encodeURIComponent(modelId)}`}>{row.modelName}</Link>}
        {row.environment !== null && ` in ${row.environment.name}`}
        {row.environmentInstance !== null && (
          <>
            {', '}
            <Link href={`/worlds/${row.environmentInstance.id}`}>a shared world</Link>
          </>
        )}
        {!hasEnded(row.phase) && doing !== undefined && ` · ${doing}`}
        {!hasEnded(row.phase) && row.stage !== null && ` · ${row.stage}`}
      </PageHead>
      {row.failure !== null && <FailureNotice failure={row.failure} phase={row.phase} />}
      <div className="instance-grid">
        <div className="column">
          {row.origin === 'REPLAY' && <ReplayPanel row={row} />}
          {canInfer && <InferPanel row={row} inputs={inputs} />}
          {mayBeSeen && <Stage row={row} signals={signals} still={still} />}
          {!withoutWorld && row.origin !== 'REPLAY' && !hasEnded(row.phase) && <DrivePanel row={row} signals={signals} />}
          <ControlBar row={row} withoutWorld={withoutWorld} mayLearn={(row.trainable ?? page?.model?.trainable) !== false} />
          {!withoutWorld && <StatTiles row={row} />}
          {!withoutWorld && <MetricPanel row={row} signals={signals} />}
        </div>
        <div className="column">
          <OverridePanel row={row} signals={signals} />
          <SignalPanel row={row} signals={signals} counts={counts} onOverride={maySteer ? setOverriding : undefined} />
          <RecordPanel row={row} signals={signals} counts={counts} />
          <CheckpointPanel row={row} />
          <LogPanel id={row.id} open={row.failure !== null || signals.length === 0} />
          <EventPanel row={row} />
          {page !== undefined && <FactsPanel row={row} page={page} />}
        </div>
      </div>
      {overriding !== undefined && <OverrideDialog key={overriding.path} row={row} signal={overriding} onClose={() => setOverriding(undefined)} />}
    </>
  );
}
