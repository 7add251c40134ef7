/** Asks one zoo: queries and mutations over HTTP. */
import { createClient, createRequest, fetchExchange, stringifyDocument, type AnyVariables, type Client, type CombinedError, type TypedDocumentNode } from '@urql/core';
import type { ZooAddress } from '../domain/address';

/** The zoo could not be asked, or could not answer. The message is for people. */
export class ZooError extends Error {
  constructor(
    message: string,
    readonly code: string | undefined,
  ) {
    super(message);
    this.name = 'ZooError';
  }
}

export interface Zoo {
  readonly address: ZooAddress;
  readonly graphqlUrl: string;
  /** @throws ZooError */
  query<Data, Variables extends AnyVariables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data>;
  /** @throws ZooError */
  mutate<Data, Variables extends AnyVariables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data>;
  /** A mutation that is sent although the page is being left; nobody hears the answer. */
  farewell<Variables extends AnyVariables>(document: TypedDocumentNode<unknown, Variables>, variables: Variables): void;
}

export function createZoo(address: ZooAddress, ask: typeof fetch = (...request) => fetch(...request)): Zoo {
  const graphqlUrl = `${address.origin}/graphql`;
  // Freshness comes from the live stream and from whoever asks, so there is no cache between them.
  const client: Client = createClient({ url: graphqlUrl, exchanges: [fetchExchange], preferGetMethod: false, fetch: ask });
  let asked = 0;
  return {
    address,
    graphqlUrl,
    query: async (document, variables) => {
      const request = createRequest(document, variables);
      // Questions of one key share the answer that is on its way; what is asked later may be about what has happened since.
      return unwrap(await client.executeQuery({ ...request, key: (asked += 1) }).toPromise(), address);
    },
    mutate: async (document, variables) => unwrap(await client.mutation(document, variables).toPromise(), address),
    farewell: (document, variables) => {
      const body = JSON.stringify({ query: stringifyDocument(document), variables });
      ask(graphqlUrl, { method: 'POST', keepalive: true, headers: { 'content-type': 'application/json', accept: 'application/json' }, body }).catch(() => undefined);
    },
  };
}

function unwrap<Data>(result: { data?: Data | undefined; error?: CombinedError | undefined }, address: ZooAddress): Data {
  const { data, error } = result;
  if (error !== undefined) throw translate(error, address);
  if (data === undefined) throw new ZooError(`${address.origin} sent an empty answer`, undefined);
  return data;
}

function translate(error: CombinedError, address: ZooAddress): ZooError {
  if (error.networkError !== undefined) return new ZooError(`${address.origin} does not answer`, 'UNAVAILABLE');
  const [first] = error.graphQLErrors;
  const code = first?.extensions.code;
  return new ZooError(first?.message ?? error.message, typeof code === 'string' ? code : undefined);
}
