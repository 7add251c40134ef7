/** Streams over server-sent events: one request per stream. */
import { stringifyDocument } from '@urql/core';
import { createClient } from 'graphql-sse';
import { LiveSubscription, type LiveEvent } from '../api/documents';
import type { OpenStream } from './stream';

const QUERY = stringifyDocument(LiveSubscription);

export function sseStreams(url: string): OpenStream {
  const client = createClient({ url, retryAttempts: 0 });
  return (input, sink) =>
    client.subscribe<{ live: LiveEvent }>(
      { query: QUERY, variables: { input } },
      {
        next: ({ data, errors }) => {
          if (data) sink.event(data.live);
          else sink.end(errors?.map((error) => error.message).join(' ') ?? 'the zoo sent an empty event', true);
        },
        error: () => sink.end('the connection to the zoo broke'),
        complete: () => sink.end(undefined),
      },
    );
}
