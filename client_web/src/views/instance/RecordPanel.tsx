/** Recording: begun, ended, saved after the fact; and what was recorded so far. */
import { useRef, useState } from 'react';
import { Link } from 'wouter';
import { newCommandId } from '../../api/command';
import type { InstanceRow, SignalOffer } from '../../api/documents';
import { outcomeOf, reasons } from '../../api/outcome';
import { RecordingDeleteMutation, RecordingSaveLastMutation, RecordingsQuery, RecordingStartMutation, RecordingStopMutation, type RecordingRow } from '../../api/recordings';
import { recordChoices, recordedFacts, recordedSteps, recordGlobs, recordOffers, type RecordChoice } from '../../domain/recording';
import { useConnection } from '../../live/hooks';
import { Button, IconButton } from '../../ui/Button';
import { Confirm } from '../../ui/Dialog';
import { Menu } from '../../ui/Menu';
import { Notice } from '../../ui/Notice';
import { FoldedPanel } from '../../ui/Panel';
import { useVoice } from '../../ui/Toasts';
import { useNow } from '../clock';
import type { RootCounts } from './SignalBrowser';
import { useStanding } from './standing';

const PAGE = 20;
const SECONDS: readonly number[] = [5, 10, 30];

interface Props {
  readonly row: InstanceRow;
  readonly signals: readonly SignalOffer[];
  readonly counts: RootCounts;
}

export function RecordPanel({ row, signals, counts }: Props) {
  const { data, error, ask } = useStanding(RecordingsQuery, { instanceId: row.id, first: PAGE, after: null }, row);
  const recordings = data?.recordings.nodes ?? [];
  const may = recordOffers(row);
  const open = recordings.find(({ phase, kind }) => phase === 'OPEN' && kind === 'ASKED');
  const choices = recordChoices((root) => signals.some(({ path }) => path === root || path.startsWith(`${root}.`)) || (counts as Readonly<Record<string, number>>)[root] !== undefined && (counts as Readonly<Record<string, number>>)[root] !== 0);
  if (data === undefined && error === undefined) return null;
  if (recordings.length === 0 && !may.start) return null;

  return (
    <FoldedPanel title="Recordings" count={open === undefined ? (recordings.length === 0 ? undefined : recordings.length) : <RecordingBadge />}>
      {open !== undefined ? <Running recording={open} onChange={ask} /> : may.start && <Start instanceId={row.id} choices={choices} onChange={ask} />}
      {error !== undefined && <Notice tone="bad">{error}</Notice>}
      {recordings.length === 0 && <p className="soft small">Nothing is recorded yet. What is recorded can be scrubbed through and replayed.</p>}
      <ul className="rows">
        {recordings
          .filter(({ id }) => id !== open?.id)
          .map((recording) => (
            <Listed key={recording.id} recording={recording} onDeleted={ask} />
          ))}
      </ul>
    </FoldedPanel>
  );
}

function RecordingBadge() {
  return (
    <span className="badge" data-tone="bad">
      recording
    </span>
  );
}

/** Says what could not be done, beside what was asked. */
function useAsking(onChange: () => void) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const ask = async (request: Promise<{ outcome: { userErrors: { code: string; message: string; path: string[] | null }[] } }>): Promise<boolean> => {
    setBusy(true);
    setProblem(undefined);
    const outcome = await outcomeOf(request);
    setBusy(false);
    if (!outcome.ok) setProblem(reasons(outcome.errors));
    onChange();
    return outcome.ok;
  };
  return { busy, problem, ask };
}

interface StartProps {
  readonly instanceId: string;
  readonly choices: readonly RecordChoice[];
  readonly onChange: () => void;
}

function Start({ instanceId, choices, onChange }: StartProps) {
  const { zoo } = useConnection();
  const { announce } = useVoice();
  const starting = useAsking(onChange);
  const saving = useAsking(onChange);
  const [changed, setChanged] = useState<ReadonlySet<string>>(new Set());
  const chosen = new Set(choices.filter(({ label, usual }) => usual !== changed.has(label)).map(({ label }) => label));
  const [seconds, setSeconds] = useState(10);
  /** Asked again after no answer, it makes no second recording. */
  const command = useRef(newCommandId());

  const start = async (): Promise<void> => {
    const signals = recordGlobs(choices, chosen);
    const done = await starting.ask(zoo.mutate(RecordingStartMutation, { input: { instanceId, commandId: command.current, ...(signals === undefined ? {} : { signals }) } }));
    command.current = newCommandId();
    if (done) announce('It is being recorded');
  };
  const saveLast = async (): Promise<void> => {
    if (await saving.ask(zoo.mutate(RecordingSaveLastMutation, { input: { instanceId, seconds, commandId: newCommandId() } }))) announce(`The last ${seconds} seconds are saved`);
  };

  return (
    <>
      <div className="control-row record-row">
        <Button icon="record" busy={starting.busy} disabled={chosen.size === 0} onClick={() => void start()}>
          {starting.busy ? 'Beginning…' : 'Record'}
        </Button>
        <Menu label="What is recorded">
          {choices.map(({ label }) => (
            <label key={label}>
              <input
                type="checkbox"
                checked={chosen.has(label)}
                onChange={() => {
                  const next = new Set(changed);
                  if (!next.delete(label)) next.add(label);
                  setChanged(next);
                }}
              />
              {label}
            </label>
          ))}
        </Menu>
        <div className="joined save-last">
          <Button icon="save" busy={saving.busy} onClick={() => void saveLast()}>
            {saving.busy ? 'Saving…' : 'Save the last'}
          </Button>
          <select className="input" aria-label="How many seconds" value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
            {SECONDS.map((each) => (
              <option key={each} value={each}>
                {each} s
              </option>
            ))}
          </select>
        </div>
      </div>
      {(starting.problem ?? saving.problem) !== undefined && (
        <Notice tone="bad" role="alert">
          {starting.problem ?? saving.problem}
        </Notice>
      )}
    </>
  );
}

function Running({ recording, onChange }: { readonly recording: RecordingRow; readonly onChange: () => void }) {
  const { zoo } = useConnection();
  const stopping = useAsking(onChange);
  const now = useNow(1000);
  return (
    <>
      <div className="control-row record-row">
        {recording.viewerCan.includes('EDIT') && (
          <Button tone="primary" icon="ended" busy={stopping.busy} onClick={() => void stopping.ask(zoo.mutate(RecordingStopMutation, { input: { recordingId: recording.id } }))}>
            {stopping.busy ? 'Ending…' : 'Stop recording'}
          </Button>
        )}
        <span className="soft small">{recordedFacts(recording, now)}</span>
      </div>
      {stopping.problem !== undefined && (
        <Notice tone="bad" role="alert">
          {stopping.problem}
        </Notice>
      )}
    </>
  );
}

function Listed({ recording, onDeleted }: { readonly recording: RecordingRow; readonly onDeleted: () => void }) {
  const { zoo } = useConnection();
  const { complain } = useVoice();
  const [asking, setAsking] = useState(false);
  const now = useNow(10_000);
  const remove = async (): Promise<void> => {
    const outcome = await outcomeOf(zoo.mutate(RecordingDeleteMutation, { input: { recordingId: recording.id } }));
    if (!outcome.ok) complain(reasons(outcome.errors));
    onDeleted();
  };
  return (
    <li>
      <div className="row-main">
        {recording.phase === 'OPEN' ? <span>being written</span> : <Link href={`/recordings/${recording.id}`}>{recordedSteps(recording)}</Link>}
        <p className="soft small">{recordedFacts(recording, now)}</p>
        {recording.problem !== null && <p className="soft small">{recording.problem}</p>}
      </div>
      {recording.phase === 'LOST' && (
        <span className="badge" data-tone="wait">
          cut off
        </span>
      )}
      {recording.viewerCan.includes('DELETE') && recording.phase !== 'OPEN' && <IconButton label={`Delete the recording of ${recordedSteps(recording)}`} icon="trash" onClick={() => setAsking(true)} />}
      {asking && (
        <Confirm title="Delete this recording?" action="Delete" onConfirm={() => void remove()} onClose={() => setAsking(false)}>
          It holds {recordedSteps(recording)}. This cannot be undone.
        </Confirm>
      )}
    </li>
  );
}
