/** One word on the connection, for the whole page. */
import { useConnection, useStreamState } from '../live/hooks';

export function LiveBadge() {
  const { live } = useConnection();
  const state = useStreamState();
  switch (state.kind) {
    case 'live':
      return (
        <span className="live" data-state="live">
          Live
        </span>
      );
    case 'waiting':
      return (
        <button type="button" className="live" data-state="waiting" title={state.reason} onClick={() => live.retryNow()}>
          Reconnecting
        </button>
      );
    case 'opening':
    case 'asleep':
    case 'idle':
      return null;
  }
}
