/** Driving an instance by hand. */
import { InstanceRowFields, UserErrorFields } from './documents';
import { graphql, type ResultOf } from './graphql';

export const ControlFields = graphql(`
  fragment ControlParts on Control {
    id
    holder { id name }
    paths
    onSilence
    expiresAt
  }
`);

export const ControlQuery = graphql(
  `
  query Control($id: ID!) {
    instance(id: $id) {
      id
      control { ...ControlParts }
    }
  }
`,
  [ControlFields],
);

export const ControlAcquireMutation = graphql(
  `mutation AcquireControl($input: ControlAcquireInput!) {
    outcome: controlAcquire(input: $input) { control { ...ControlParts } userErrors { ...UserErrorParts } }
  }`,
  [ControlFields, UserErrorFields],
);
export const ControlReleaseMutation = graphql(
  `mutation ReleaseControl($input: InstanceInput!, $controlId: ID) {
    outcome: controlRelease(input: $input, controlId: $controlId) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  [InstanceRowFields, UserErrorFields],
);
export const ControlSendMutation = graphql(
  `mutation SendControl($input: ControlSendInput!) {
    outcome: controlSend(input: $input) { appliedAtStep userErrors { ...UserErrorParts } }
  }`,
  [UserErrorFields],
);

export type ControlRow = ResultOf<typeof ControlFields>;
