/** Recordings of an instance, notes on its steps, and replays. */
import { InstanceRowFields, UserErrorFields } from './documents';
import { graphql, type ResultOf } from './graphql';

export const RecordingFields = graphql(`
  fragment RecordingParts on Recording {
    id
    phase
    kind
    instanceId
    instanceName
    modelId
    timeline
    signals
    firstStep
    lastStep
    firstAt
    lastAt
    sizeBytes
    droppedSteps
    createdAt
    checkpointId
    problem
    author { id name }
    viewerCan
  }
`);

const AnnotationFields = graphql(`
  fragment AnnotationParts on Annotation {
    id
    step
    endStep
    timeline
    text
    createdAt
    author { id name }
  }
`);

export const RecordingsQuery = graphql(
  `
  query Recordings($instanceId: ID!, $first: Int!, $after: String) {
    recordings(instanceId: $instanceId, first: $first, after: $after) {
      nodes { ...RecordingParts }
      pageInfo { hasNextPage endCursor }
    }
  }
`,
  [RecordingFields],
);

export const RecordingPageQuery = graphql(
  `
  query RecordingPage($id: ID!) {
    recording(id: $id) { ...RecordingParts access { baseUrl headers expiresAt } }
  }
`,
  [RecordingFields],
);

export const ReplayQuery = graphql(`
  query ReplayReport($id: ID!) {
    instance(id: $id) {
      id
      replay { recordingId planes comparedSteps identical first { step path magnitude } }
    }
  }
`);

/** What a recording's page tells of the instance that was recorded. */
export const RecordedQuery = graphql(
  `
  query Recorded($id: ID!) {
    instance(id: $id) {
      id
      name
      modelName
      viewerCan
      model { id }
      annotations { ...AnnotationParts }
    }
  }
`,
  [AnnotationFields],
);

export const RecordingStartMutation = graphql(
  `mutation StartRecording($input: RecordingStartInput!) {
    outcome: recordingStart(input: $input) { recording { ...RecordingParts } userErrors { ...UserErrorParts } }
  }`,
  [RecordingFields, UserErrorFields],
);
export const RecordingStopMutation = graphql(
  `mutation StopRecording($input: RecordingInput!) {
    outcome: recordingStop(input: $input) { recording { ...RecordingParts } userErrors { ...UserErrorParts } }
  }`,
  [RecordingFields, UserErrorFields],
);
export const RecordingSaveLastMutation = graphql(
  `mutation SaveLast($input: RecordingSaveLastInput!) {
    outcome: recordingSaveLast(input: $input) { recording { ...RecordingParts } userErrors { ...UserErrorParts } }
  }`,
  [RecordingFields, UserErrorFields],
);
export const RecordingDeleteMutation = graphql(
  `mutation DeleteRecording($input: RecordingInput!) {
    outcome: recordingDelete(input: $input) { deletedId userErrors { ...UserErrorParts } }
  }`,
  [UserErrorFields],
);
export const ReplayMutation = graphql(
  `mutation Replay($input: RecordingReplayInput!) {
    outcome: recordingReplay(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  [InstanceRowFields, UserErrorFields],
);
export const AnnotationCreateMutation = graphql(
  `mutation CreateAnnotation($input: AnnotationCreateInput!) {
    outcome: annotationCreate(input: $input) { annotation { ...AnnotationParts } userErrors { ...UserErrorParts } }
  }`,
  [AnnotationFields, UserErrorFields],
);
export const AnnotationDeleteMutation = graphql(
  `mutation DeleteAnnotation($input: AnnotationInput!) {
    outcome: annotationDelete(input: $input) { deletedId userErrors { ...UserErrorParts } }
  }`,
  [UserErrorFields],
);

export type RecordingRow = ResultOf<typeof RecordingFields>;
export type AnnotationRow = ResultOf<typeof AnnotationFields>;
export type RecordingPage = NonNullable<ResultOf<typeof RecordingPageQuery>['recording']>;
export type RecordingAccess = NonNullable<RecordingPage['access']>;
export type RecordedInstance = NonNullable<ResultOf<typeof RecordedQuery>['instance']>;
