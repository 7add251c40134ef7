import { useEffect } from 'react';
import { EventsQuery, type InstanceRow } from '../../api/documents';
import { formatClock, formatCount } from '../../domain/format';
import { useAnswer } from '../../live/answer';
import { useConnection } from '../../live/hooks';
import { FoldedPanel } from '../../ui/Panel';

export function EventPanel({ row }: { readonly row: InstanceRow }) {
  const { live } = useConnection();
  const { data, ask } = useAnswer(EventsQuery, { id: row.id });
  useEffect(() => live.onEvent((event) => event.resourceId === row.id && ask()), [live, row.id, ask]);
  const events = data?.instance?.events?.nodes ?? [];
  if (events.length === 0) return null;
  return (
    <FoldedPanel title="What happened" count={events.length}>
      <ul className="events">
        {events.map((event) => (
          <li key={event.id}>
            <time dateTime={event.at} className="soft mono">
              {formatClock(event.at)}
            </time>
            <span>
              {event.message}
              {event.step !== null && <span className="soft"> · step {formatCount(event.step)}</span>}
              {event.user !== null && <span className="soft"> · {event.user.name}</span>}
            </span>
          </li>
        ))}
      </ul>
    </FoldedPanel>
  );
}
