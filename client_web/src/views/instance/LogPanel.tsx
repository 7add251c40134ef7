/** The console: what was printed so far, then what is printed now; it follows until somebody scrolls up. */
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { Zoo } from '../../api/client';
import { LogsQuery, type LogLine } from '../../api/documents';
import { formatClock } from '../../domain/format';
import { useConnection, useInterest, useLogLines } from '../../live/hooks';
import { LINES_KEPT } from '../../live/logbook';
import { Button } from '../../ui/Button';
import { FoldedPanel } from '../../ui/Panel';

const PAGE = 100;
const PAGES_AT_MOST = 40;
const DRAWN = 500;

export function LogPanel({ id, open }: { readonly id: string; readonly open: boolean }) {
  useInterest({ logs: [id] });
  const { zoo, live } = useConnection();
  const lines = useLogLines(id);
  const [error, setError] = useState<string>();
  const [following, setFollowing] = useState(true);
  const [all, setAll] = useState(false);
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    let gone = false;
    readAll(zoo, id, (page) => !gone && live.learnLog(id, page)).catch(
      (reason: unknown) => !gone && setError(reason instanceof Error ? reason.message : String(reason)),
    );
    return () => {
      gone = true;
    };
  }, [zoo, live, id]);

  useLayoutEffect(() => {
    if (following && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, following]);

  const drawn = all ? lines : lines.slice(-DRAWN);
  return (
    <FoldedPanel title="Log" count={lines.length >= LINES_KEPT ? `last ${LINES_KEPT} lines` : `${lines.length} ${lines.length === 1 ? 'line' : 'lines'}`} open={open}>
      {error !== undefined && <p className="soft small">{error}</p>}
      {drawn.length < lines.length && (
        <Button tone="plain" onClick={() => setAll(true)}>
          Show {lines.length - drawn.length} earlier {lines.length - drawn.length === 1 ? 'line' : 'lines'}
        </Button>
      )}
      <div
        ref={box}
        className="log"
        role="log"
        aria-live="off"
        aria-label="Console output"
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => setFollowing(scrollHeight - scrollTop - clientHeight < 24)}
      >
        {drawn.length === 0 && <p className="soft small">Nothing printed yet.</p>}
        {drawn.map((line) => (
          <Line key={line.number} line={line} />
        ))}
      </div>
    </FoldedPanel>
  );
}

function Line({ line }: { readonly line: LogLine }) {
  return (
    <div className="log-line" data-stream={line.stream}>
      <time dateTime={line.at}>{formatClock(line.at)}</time>
      {line.stream !== 'stdout' && <span className="stream">{line.stream === 'stderr' ? 'err' : 'zoo'}</span>}
      <span className="text">{line.text}</span>
    </div>
  );
}

async function readAll(zoo: Zoo, id: string, take: (lines: readonly LogLine[]) => unknown): Promise<void> {
  let after: string | null = null;
  for (let page = 0; page < PAGES_AT_MOST; page++) {
    const answer: Awaited<ReturnType<typeof readPage>> = await readPage(zoo, id, after);
    const logs = answer.instance?.logs;
    if (!logs) return;
    take(logs.nodes);
    if (!logs.pageInfo.hasNextPage || logs.pageInfo.endCursor === null) return;
    after = logs.pageInfo.endCursor;
  }
}

function readPage(zoo: Zoo, id: string, after: string | null) {
  return zoo.query(LogsQuery, { id, first: PAGE, after });
}
