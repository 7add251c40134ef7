/** One question to the zoo, asked when the component appears, when its variables change, and again from time to time. */
import type { AnyVariables, TypedDocumentNode } from '@urql/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useConnection } from './hooks';

export interface Answer<Data> {
  /** The last good answer, also while the next one is awaited or has failed. */
  readonly data: Data | undefined;
  readonly error: string | undefined;
  readonly ask: () => void;
}

interface Options {
  /** Asks again after so many milliseconds, while the page is visible. */
  readonly everyMs?: number;
  /** Asks nothing while false. */
  readonly when?: boolean;
}

export function useAnswer<Data, Variables extends AnyVariables>(
  document_: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  { everyMs, when = true }: Options = {},
): Answer<Data> {
  const { zoo } = useConnection();
  const key = JSON.stringify(variables);
  const [state, setState] = useState<{ readonly key: string; readonly data: Data | undefined; readonly error: string | undefined }>();
  const newest = useRef(0);

  const ask = useCallback(() => {
    const mine = (newest.current += 1);
    zoo.query(document_, JSON.parse(key) as Variables).then(
      (data) => {
        if (mine === newest.current) setState({ key, data, error: undefined });
      },
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        if (mine === newest.current) setState((old) => ({ key, data: old?.key === key ? old.data : undefined, error: message }));
      },
    );
  }, [zoo, document_, key]);

  useEffect(() => {
    if (!when) return undefined;
    ask();
    const counter = newest;
    const timer = everyMs === undefined ? undefined : setInterval(() => !document.hidden && ask(), everyMs);
    return () => {
      clearInterval(timer);
      counter.current += 1;
    };
  }, [ask, everyMs, when]);

  const current = state?.key === key ? state : undefined;
  return { data: current?.data, error: current?.error, ask };
}
