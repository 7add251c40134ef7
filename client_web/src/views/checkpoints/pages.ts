/** Checkpoints a page at a time: the newest are asked for again, older ones are added on demand. */
import type { TypedDocumentNode } from '@urql/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { CheckpointRow } from '../../api/documents';
import { withNewest } from '../../domain/checkpoint';
import { useConnection } from '../../live/hooks';

interface Connected {
  readonly checkpoints: {
    readonly nodes: readonly CheckpointRow[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
}

interface Variables extends Record<string, unknown> {
  id: string;
  first: number;
  after: string | null;
}

interface Known<Of> {
  readonly of: Of | undefined;
  readonly checkpoints: readonly CheckpointRow[];
  /** Where the next older page begins; null where nothing is older. */
  readonly next: string | null;
  readonly paged: boolean;
}

export interface CheckpointPages<Of> {
  /** What they belong to; undefined when there is no such thing, and until the first answer. */
  readonly of: Of | undefined;
  readonly checkpoints: readonly CheckpointRow[];
  readonly answered: boolean;
  readonly error: string | undefined;
  /** Brings the next older page; undefined where all are there. */
  readonly more: (() => void) | undefined;
  /** Asks for the newest again. */
  readonly ask: () => void;
  /** Takes one away that was deleted: older pages are not asked for again. */
  readonly drop: (id: string) => void;
}

interface Options {
  readonly first: number;
  readonly everyMs?: number;
  /** Asks again when it changes. */
  readonly upon?: string;
}

export function useCheckpointPages<Of extends Connected>(
  document_: TypedDocumentNode<{ of: Of | null }, Variables>,
  id: string,
  { first, everyMs, upon }: Options,
): CheckpointPages<Of> {
  const { zoo } = useConnection();
  const [known, setKnown] = useState<Known<Of>>();
  const [error, setError] = useState<string>();
  const newest = useRef(0);

  const get = useCallback(
    (after: string | null, take: (old: Known<Of> | undefined, of: Of) => Known<Of>) => {
      // Of two questions for the newest the later one counts; an older page is the same whenever it comes.
      const mine = after === null ? (newest.current += 1) : newest.current;
      const late = (): boolean => after === null && mine !== newest.current;
      zoo.query(document_, { id, first, after }).then(
        ({ of }) => {
          if (late()) return;
          setError(undefined);
          setKnown((old) => (of === null ? { of: undefined, checkpoints: [], next: null, paged: false } : take(old, of)));
        },
        (problem: unknown) => {
          if (!late()) setError(problem instanceof Error ? problem.message : String(problem));
        },
      );
    },
    [zoo, document_, id, first],
  );

  const ask = useCallback(
    () =>
      get(null, (old, of) => {
        const { nodes, pageInfo } = of.checkpoints;
        const checkpoints = withNewest(old?.checkpoints ?? [], nodes, !pageInfo.hasNextPage);
        return old?.paged === true && pageInfo.hasNextPage ? { ...old, of, checkpoints } : { of, checkpoints: nodes, next: endOf(of), paged: false };
      }),
    [get],
  );

  useEffect(() => {
    ask();
    const counter = newest;
    const timer = everyMs === undefined ? undefined : setInterval(() => !document.hidden && ask(), everyMs);
    return () => {
      clearInterval(timer);
      counter.current += 1;
    };
  }, [ask, everyMs, upon]);

  const next = known?.next ?? null;
  return {
    of: known?.of,
    checkpoints: known?.checkpoints ?? [],
    answered: known !== undefined,
    error,
    more: next === null ? undefined : () => get(next, (old, of) => ({ of: old?.of ?? of, checkpoints: joined(old?.checkpoints ?? [], of.checkpoints.nodes), next: endOf(of), paged: true })),
    ask,
    drop: (gone) => {
      setKnown((old) => old && { ...old, checkpoints: old.checkpoints.filter((checkpoint) => checkpoint.id !== gone) });
      ask();
    },
  };
}

function endOf({ checkpoints: { pageInfo } }: Connected): string | null {
  return pageInfo.hasNextPage ? pageInfo.endCursor : null;
}

function joined(newer: readonly CheckpointRow[], older: readonly CheckpointRow[]): readonly CheckpointRow[] {
  const there = new Set(newer.map(({ id }) => id));
  return [...newer, ...older.filter(({ id }) => !there.has(id))];
}
