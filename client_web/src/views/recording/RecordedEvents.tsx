/** What people and the zoo did while it was recorded. */
import type { Clock, RecordedEvent } from '../../domain/recorded';
import { FoldedPanel } from '../../ui/Panel';

const MOST_SHOWN = 200;

export function RecordedEvents({ events, clock, onSeek }: { readonly events: readonly RecordedEvent[]; readonly clock: Clock; readonly onSeek: (row: number) => void }) {
  const told = events.filter(({ kind }) => kind !== 'episode').slice(0, MOST_SHOWN);
  if (told.length === 0) return null;
  return (
    <FoldedPanel title="What was done" count={told.length}>
      <ul className="rows">
        {told.map((event, i) => (
          <li key={i}>
            <div className="row-main">
              <p>{eventText(event)}</p>
              <button type="button" className="text-button" onClick={() => onSeek(clock.rowOf(event.step, event.timeline))}>
                step {event.step.toLocaleString('en')}
              </button>
            </div>
          </li>
        ))}
      </ul>
    </FoldedPanel>
  );
}

const WORDS: Readonly<Record<string, string>> = {
  override: 'A rule was set',
  'override.ended': 'A rule ended',
  driver: 'The driver changed',
  mode: 'Its mode changed',
  learnt: 'It learnt without acting',
  paused: 'It was paused',
  resumed: 'It was resumed',
  checkpoint: 'It was saved',
  restored: 'It went back to a checkpoint',
};

function eventText({ kind, data }: RecordedEvent): string {
  const path = typeof data === 'object' && data !== null && 'path' in data && typeof data.path === 'string' ? data.path : undefined;
  return `${WORDS[kind] ?? kind}${path === undefined ? '' : `: ${path}`}`;
}
