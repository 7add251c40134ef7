/** One recording: scrubbed through, noted upon, and replayed. */
import { useEffect, useMemo } from 'react';
import { Link, useSearchParams } from 'wouter';
import { SignalsQuery } from '../../api/documents';
import { RecordedQuery, RecordingPageQuery, type RecordedInstance, type RecordingPage } from '../../api/recordings';
import { firstShown } from '../../domain/channel';
import { recordedFacts, recordedSteps } from '../../domain/recording';
import { useAnswer } from '../../live/answer';
import { Button } from '../../ui/Button';
import { Menu } from '../../ui/Menu';
import { Notice } from '../../ui/Notice';
import { useNow } from '../clock';
import { shallowSignals } from '../instance/signals';
import { Missing, PageHead } from '../PageHead';
import { NotesPanel } from './NotesPanel';
import { useOpened, type Opened } from './opening';
import { Player } from './Player';
import { usePlayback } from './playback';
import { RecordedEvents } from './RecordedEvents';
import { ReplayForm } from './ReplayForm';
import { TrackView } from './TrackView';

const WRITING_MS = 2000;

export function RecordingView({ id }: { readonly id: string }) {
  const { data, error, ask } = useAnswer(RecordingPageQuery, { id });
  const recording = data?.recording ?? undefined;
  const writing = recording?.phase === 'OPEN';
  useEffect(() => {
    if (!writing) return undefined;
    const timer = setInterval(ask, WRITING_MS);
    return () => clearInterval(timer);
  }, [writing, ask]);
  if (recording === undefined) return <Missing what="recording" answered={data !== undefined} error={error} />;
  return <Page recording={recording} onAgain={ask} />;
}

function Page({ recording, onAgain }: { readonly recording: RecordingPage; readonly onAgain: () => void }) {
  const now = useNow(10_000);
  const { opened, error } = useOpened(recording.access ?? undefined);
  const instance = useAnswer(RecordedQuery, { id: recording.instanceId });
  return (
    <>
      <PageHead
        title={`Recording of ${recording.instanceName}`}
        up={{ href: `/instances/${recording.instanceId}`, label: recording.instanceName }}
        badge={
          recording.phase === 'LOST' && (
            <span className="badge" data-tone="wait">
              cut off
            </span>
          )
        }
      >
        {recordedSteps(recording)} · {recordedFacts(recording, now)}
      </PageHead>
      {recording.problem !== null && <Notice tone="wait">{recording.problem}</Notice>}
      {recording.phase === 'OPEN' && <Notice>It is still being recorded. It can be looked at once it has ended.</Notice>}
      {recording.phase !== 'OPEN' && recording.access === null && <Notice tone="wait">It holds signals that you may not observe, so it cannot be shown to you.</Notice>}
      {error !== undefined && (
        <Notice tone="bad" role="alert">
          <strong>It cannot be read{'\n'}</strong>
          {error}
          <p>
            <Button onClick={onAgain}>Try again</Button>
          </p>
        </Notice>
      )}
      {recording.access !== null && opened === undefined && error === undefined && <p className="soft">Opening it…</p>}
      {opened !== undefined && opened.clock.length === 0 && <Notice>It holds no steps.</Notice>}
      {opened !== undefined && opened.clock.length > 0 && <Scrubbed recording={recording} opened={opened} instance={instance.data?.instance ?? undefined} onNoted={instance.ask} />}
    </>
  );
}

interface ScrubbedProps {
  readonly recording: RecordingPage;
  readonly opened: Opened;
  readonly instance: RecordedInstance | undefined;
  readonly onNoted: () => void;
}

function Scrubbed({ recording, opened, instance, onNoted }: ScrubbedProps) {
  const { channels, clock } = opened;
  const [query, setQuery] = useSearchParams();
  const asked = query.get('show');
  const shown = useMemo(() => (asked === null ? firstShown(channels) : asked.split(',')), [asked, channels]);
  const tracks = useMemo(() => shown.flatMap((path) => channels.find((channel) => channel.path === path) ?? []).map((channel) => opened.track(channel)), [channels, shown, opened]);
  const playback = usePlayback(clock, tracks);
  const signals = useAnswer(SignalsQuery, { id: recording.instanceId });
  const modalities = useMemo(() => {
    const known = signals.data?.instance;
    return new Map(known === null || known === undefined ? [] : shallowSignals(known).map(({ path, modality }) => [path, modality]));
  }, [signals.data]);
  const notes = useMemo(() => (instance?.annotations ?? []).filter(({ step, timeline }) => step >= recording.firstStep && step <= recording.lastStep && timeline >= recording.timeline), [instance, recording]);
  const show = (path: string, on: boolean): void => {
    const next = on ? [...shown, path] : shown.filter((each) => each !== path);
    setQuery(
      (before) => {
        before.set('show', next.join(','));
        return before;
      },
      { replace: true },
    );
  };

  return (
    <>
      {opened.damage.length > 0 && (
        <Notice tone="wait">
          <strong>Parts of it cannot be read{'\n'}</strong>
          {opened.damage.join('\n')}
        </Notice>
      )}
      <div className="tracks-head">
        <h2>At this step</h2>
        <Menu label="Signals">
          {channels.map(({ path }) => (
            <label key={path}>
              <input type="checkbox" checked={shown.includes(path)} onChange={(event) => show(path, event.target.checked)} />
              <span className="mono">{path}</span>
            </label>
          ))}
        </Menu>
      </div>
      <div className="tracks">
        {tracks.length === 0 && <p className="soft">Choose the signals to look at.</p>}
        {tracks.map((track) => (
          <TrackView key={track.channel.path} track={track} clock={clock} head={playback.head} known={modalities.get(track.channel.path)} onSeek={playback.seek} />
        ))}
      </div>
      <Player clock={clock} playback={playback} notes={notes} />
      <div className="below">
        <NotesPanel recording={recording} instance={instance} notes={notes} clock={clock} playback={playback} onNoted={onNoted} />
        <ReplayForm recording={recording} />
        <RecordedEvents events={opened.events} clock={clock} onSeek={playback.seek} />
      </div>
      <p className="soft small">
        Recorded: {recording.signals.length} signals of <Link href={`/instances/${recording.instanceId}`}>{recording.instanceName}</Link>.
      </p>
    </>
  );
}
