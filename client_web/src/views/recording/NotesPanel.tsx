/** Notes on steps: read, gone to, written and taken away. */
import { useState } from 'react';
import { AnnotationCreateMutation, AnnotationDeleteMutation, type AnnotationRow, type RecordedInstance, type RecordingPage } from '../../api/recordings';
import { outcomeOf, reasons } from '../../api/outcome';
import type { Clock } from '../../domain/recorded';
import { useConnection } from '../../live/hooks';
import { Button, IconButton } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { FoldedPanel } from '../../ui/Panel';
import { useVoice } from '../../ui/Toasts';
import type { Playback } from './playback';

interface Props {
  readonly recording: RecordingPage;
  /** Undefined once it is gone: then nothing can be noted any more. */
  readonly instance: RecordedInstance | undefined;
  readonly notes: readonly AnnotationRow[];
  readonly clock: Clock;
  readonly playback: Playback;
  readonly onNoted: () => void;
}

export function NotesPanel({ recording, instance, notes, clock, playback, onNoted }: Props) {
  const { zoo } = useConnection();
  const { complain, announce } = useVoice();
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const may = instance?.viewerCan.includes('EDIT') ?? false;
  if (!may && notes.length === 0) return null;

  const write = async (): Promise<void> => {
    if (text.trim() === '') { setProblem('Write what there is to note'); return; }
    const { row } = playback.head;
    setBusy(true);
    const outcome = await outcomeOf(zoo.mutate(AnnotationCreateMutation, { input: { instanceId: recording.instanceId, step: clock.step(row), timeline: clock.timeline(row), text: text.trim() } }));
    setBusy(false);
    setProblem(outcome.ok ? undefined : reasons(outcome.errors));
    if (!outcome.ok) return;
    setText('');
    announce('Noted');
    onNoted();
  };
  const erase = async (annotationId: string): Promise<void> => {
    const outcome = await outcomeOf(zoo.mutate(AnnotationDeleteMutation, { input: { annotationId } }));
    if (!outcome.ok) complain(reasons(outcome.errors));
    onNoted();
  };

  return (
    <FoldedPanel title="Notes" count={notes.length === 0 ? undefined : notes.length} open={notes.length > 0}>
      {may && (
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) void write();
          }}
        >
          <Field label="Note on this step" error={problem}>
            {(wiring) => (
              <div className="save-row">
                <input {...wiring} className="input" maxLength={2000} autoComplete="off" value={text} onChange={(event) => setText(event.target.value)} />
                <Button type="submit" busy={busy}>
                  Note it
                </Button>
              </div>
            )}
          </Field>
        </form>
      )}
      <ul className="rows">
        {notes.map((note) => (
          <li key={note.id}>
            <div className="row-main">
              <p>{note.text}</p>
              <button type="button" className="text-button" onClick={() => playback.seek(clock.rowOf(note.step, note.timeline))}>
                step {note.step.toLocaleString('en')}
              </button>
              {note.author !== null && <span className="soft small"> · {note.author.name}</span>}
            </div>
            {may && <IconButton label={`Take the note “${note.text.slice(0, 40)}” away`} icon="trash" onClick={() => void erase(note.id)} />}
          </li>
        ))}
      </ul>
    </FoldedPanel>
  );
}
