/** Rules that stand on an instance's signals. */
import { InstanceRowFields, UserErrorFields } from './documents';
import { graphql, type ResultOf } from './graphql';

export const OverrideFields = graphql(`
  fragment OverrideParts on Override {
    id
    order
    path
    rule
    value
    low
    high
    weight
    index
    expiresAt
    expiresAtStep
    author { id name }
  }
`);

export const OverridesQuery = graphql(
  `
  query Overrides($id: ID!) {
    instance(id: $id) {
      id
      overrides { ...OverrideParts }
    }
  }
`,
  [OverrideFields],
);

export const OverrideSetMutation = graphql(
  `mutation SetOverride($input: OverrideSetInput!) {
    outcome: overrideSet(input: $input) { override { ...OverrideParts } userErrors { ...UserErrorParts } }
  }`,
  [OverrideFields, UserErrorFields],
);
export const OverrideClearMutation = graphql(
  `mutation ClearOverride($input: OverrideClearInput!) {
    outcome: overrideClear(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  [InstanceRowFields, UserErrorFields],
);

export type OverrideRow = ResultOf<typeof OverrideFields>;
