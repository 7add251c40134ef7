/** Ending an instance is asked twice, and offers to save it first: what is not saved then does not end. */
import type { InstanceRow } from '../api/documents';
import { reasons } from '../api/outcome';
import { checkpointOffers } from '../domain/checkpoint';
import { offers } from '../domain/phase';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Notice } from '../ui/Notice';
import { SaveNotice } from './SaveNotice';
import { stageText, useSaving } from './saving';

export function EndDialog({ row, onClose }: { readonly row: InstanceRow; readonly onClose: () => void }) {
  const { stage, refusal, run } = useSaving(row.id);
  const mayPause = offers(row).pause;
  const maySave = checkpointOffers(row).save;
  const busy = stage !== undefined;
  const unsaved = refusal !== undefined && refusal.stage !== 'end';
  const end = (saveFirst: boolean): void => {
    if (busy) return;
    void run([...(saveFirst && mayPause ? (['pause'] as const) : []), ...(saveFirst ? (['save'] as const) : []), 'end']).then((done) => done && onClose());
  };

  return (
    <Dialog title={`End ${row.name}?`} onClose={onClose}>
      <p>An ended instance cannot be resumed. Others can be launched from what it has saved.</p>
      <div className="outcome" role="status">
        {stage !== undefined && <p className="soft">{stageText(stage)}</p>}
      </div>
      {refusal?.stage === 'save' && <SaveNotice errors={refusal.errors} consequence={`, so it has not ended${row.desiredPhase === 'PAUSED' ? ' and is paused' : ''}`} />}
      {refusal !== undefined && refusal.stage !== 'save' && (
        <Notice tone="bad" role="alert">
          <strong>It has not ended{'\n'}</strong>
          {reasons(refusal.errors)}
        </Notice>
      )}
      <div className="actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button tone="danger" busy={busy} onClick={() => end(false)}>
          {unsaved ? 'End it anyway' : maySave ? 'End without saving' : 'End it'}
        </Button>
        {maySave && (
          <Button tone="primary" icon="save" busy={busy} onClick={() => end(true)}>
            {unsaved ? 'Try again' : 'Save and end'}
          </Button>
        )}
      </div>
    </Dialog>
  );
}
