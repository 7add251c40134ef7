/** What stands on an instance and is not in its row: asked again whenever it may have changed. */
import type { AnyVariables, TypedDocumentNode } from '@urql/core';
import { useEffect } from 'react';
import type { InstanceRow } from '../../api/documents';
import { useAnswer, type Answer } from '../../live/answer';
import { useConnection } from '../../live/hooks';
import { hasEnded } from '../../domain/phase';

const EVERY_MS = 5_000;

/** Asks when the instance's generation or phase moves, when something happened to it, and from time to time while it lives. */
export function useStanding<Data, Variables extends AnyVariables>(document_: TypedDocumentNode<Data, Variables>, variables: Variables, row: InstanceRow): Answer<Data> {
  const { live } = useConnection();
  const answer = useAnswer(document_, variables, hasEnded(row.phase) ? {} : { everyMs: EVERY_MS });
  const { ask } = answer;
  useEffect(() => live.onEvent((event) => event.resourceId === row.id && ask()), [live, row.id, ask]);
  useEffect(() => ask(), [ask, row.generation, row.observedGeneration, row.phase]);
  return answer;
}
