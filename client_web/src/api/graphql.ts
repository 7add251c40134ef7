/** Typed documents: `graphql()` checks every field against the API's schema when the client is compiled. */
import { initGraphQLTada } from 'gql.tada';
import type { introspection } from '../../generated/graphql-env';

export const graphql = initGraphQLTada<{
  introspection: introspection;
  disableMasking: true;
  scalars: { DateTime: string; JSON: unknown; Real: number | string; Path: string };
}>();

export type { FragmentOf, ResultOf, VariablesOf } from 'gql.tada';
