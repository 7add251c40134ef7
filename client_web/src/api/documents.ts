/** Everything the client asks and says, but for the live subscription's own document in `live.ts`. */
import { graphql, type ResultOf, type VariablesOf } from './graphql';

export const InstanceRowFields = graphql(`
  fragment InstanceRow on Instance {
    id
    name
    origin
    phase
    desiredPhase
    stage
    mode { training inference }
    trainable
    stepsPerSecond
    generation
    observedGeneration
    acknowledgedAtStep
    attempt
    timeline
    failure { code message traceback step }
    modelName
    environment { id name }
    environmentInstance { id }
    tags
    createdAt
    startedAt
    endedAt
    stats { step episode stepsPerSecond episodeReturn loss updatedAt }
    previewPaths
    viewerCan
  }
`);

export const WorldRowFields = graphql(`
  fragment WorldRow on EnvironmentInstance {
    id
    name
    environment { id name maxConnected }
    phase
    stage
    createdAt
    startedAt
    endedAt
    stats { step episode stepsPerSecond episodeReturn loss updatedAt }
    connected { id name modelName phase }
    failure { code message traceback step }
    viewerCan
  }
`);

const ModalityFields = graphql(`
  fragment ModalityParts on Modality {
    name
    kind
    shape
    dtype
    low
    high
    neutral
    labels
    names
    unit
    layout
  }
`);

const ParameterFields = graphql(`
  fragment ParameterParts on Parameter {
    name
    type
    default
    description
    display
    minimum
    maximum
    choices
    required
  }
`);

const CheckpointFields = graphql(`
  fragment CheckpointParts on Checkpoint {
    id
    tag
    commit
    parents
    step
    timeline
    createdAt
    sizeBytes
    needsPickle
    kind
    kept
    instanceId
    instanceName
    author { id name }
    viewerCan
  }
`);

const StartFields = graphql(
  `
  fragment StartParts on Checkpoint {
    ...CheckpointParts
    modelId
    modelName
    parameters
  }
`,
  [CheckpointFields],
);

export const UserErrorFields = graphql(`
  fragment UserErrorParts on UserError {
    code
    message
    path
    retryAfterSeconds
  }
`);

export type InstanceRow = ResultOf<typeof InstanceRowFields>;
export type WorldRow = ResultOf<typeof WorldRowFields>;
export type CheckpointRow = ResultOf<typeof CheckpointFields>;
export type StartOffer = ResultOf<typeof StartFields>;
export type ModalityParts = ResultOf<typeof ModalityFields>;

export const HomeQuery = graphql(`
  query Home {
    viewer { anonymous can user { id name role } }
    server { name version profile limits { maxModels maxEnvironments } processes { name running restarts url } }
  }
`);

export const InstancesQuery = graphql(
  `
  query Instances($first: Int!, $after: String, $phase: [InstancePhase!]) {
    instances(first: $first, after: $after, phase: $phase) {
      nodes { ...InstanceRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`,
  [InstanceRowFields],
);

export const WorldsQuery = graphql(
  `
  query Worlds {
    environmentInstances(first: 50) { nodes { ...WorldRow } }
    environments(first: 100) { nodes { id name type maxConnected viewerCan parameters { ...ParameterParts } } }
  }
`,
  [WorldRowFields, ParameterFields],
);

export const ModelsQuery = graphql(
  `
  query Models($after: String) {
    models(first: 100, after: $after) {
      nodes {
        id
        name
        type
        source
        description
        trainable
        findings
        launchable
        scan
        viewerCan
        parameters { ...ParameterParts }
        inputs { ...ModalityParts }
        outputs { ...ModalityParts }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`,
  [ParameterFields, ModalityFields],
);

export const ModelNamesQuery = graphql(`
  query ModelNames {
    models(first: 100) { nodes { id name description source launchable scan } totalCount }
  }
`);

export const ModelPageQuery = graphql(`
  query ModelPage($id: ID!) {
    model(id: $id) { id name type source revision description trainable findings launchable scan viewerCan }
  }
`);

export const LastWorldQuery = graphql(`
  query LastWorld($modelId: ID!) {
    instances(first: 1, modelId: $modelId) { nodes { id environment { id } } }
  }
`);

export const InstancePageQuery = graphql(
  `
  query InstancePage($id: ID!) {
    instance(id: $id) {
      ...InstanceRow
      parameters
      seed
      notes
      modelRevision
      model { id name type source description findings trainable inputs { ...ModalityParts } outputs { ...ModalityParts } }
      thumbnail { dtype shape encoding data }
    }
  }
`,
  [InstanceRowFields, ModalityFields],
);

const SignalFields = graphql(
  `
  fragment SignalParts on Signal {
    path
    observable
    overridable
    reason
    modality { ...ModalityParts }
  }
`,
  [ModalityFields],
);

/** The signals that every model has, and how many there are below each other root. */
export const SignalsQuery = graphql(
  `
  query Signals($id: ID!) {
    instance(id: $id) {
      id
      inputs: signals(prefix: "inputs", first: 100) { nodes { ...SignalParts } totalCount }
      outputs: signals(prefix: "outputs", first: 100) { nodes { ...SignalParts } totalCount }
      action: signals(prefix: "action", first: 100) { nodes { ...SignalParts } totalCount }
      env: signals(prefix: "env", first: 100) { nodes { ...SignalParts } totalCount }
      metrics: signals(prefix: "metrics", first: 100) { nodes { ...SignalParts } totalCount }
      activations: signals(prefix: "activations", first: 1) { totalCount }
      weights: signals(prefix: "weights", first: 1) { totalCount }
      state: signals(prefix: "state", first: 1) { totalCount }
      agents: signals(prefix: "agents", first: 1) { totalCount }
    }
  }
`,
  [SignalFields],
);

export const BranchQuery = graphql(
  `
  query Branch($id: ID!, $prefix: Path!, $after: String) {
    instance(id: $id) {
      id
      signals(prefix: $prefix, first: 100, after: $after) {
        nodes { ...SignalParts }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`,
  [SignalFields],
);

export const StillQuery = graphql(`
  query Still($id: ID!) {
    instance(id: $id) {
      id
      thumbnail { dtype shape encoding data }
    }
  }
`);

export const MetricsQuery = graphql(`
  query Metrics($id: ID!, $paths: [Path!], $points: Int) {
    instance(id: $id) {
      id
      metrics(paths: $paths, points: $points) { path timeline steps mean min max }
    }
  }
`);

export const EventsQuery = graphql(`
  query Events($id: ID!) {
    instance(id: $id) {
      id
      events(first: 30) { nodes { id at kind message step user { id name } } }
    }
  }
`);

export const CheckpointsQuery = graphql(
  `
  query Checkpoints($id: ID!, $first: Int!, $after: String) {
    of: instance(id: $id) {
      id
      model { id }
      latestCheckpoint { id }
      checkpoints(first: $first, after: $after) { nodes { ...CheckpointParts } pageInfo { hasNextPage endCursor } }
    }
  }
`,
  [CheckpointFields],
);

export const LineageQuery = graphql(
  `
  query Lineage($id: ID!, $first: Int!, $after: String) {
    of: model(id: $id) {
      id
      checkpoints(first: $first, after: $after) { nodes { ...CheckpointParts } pageInfo { hasNextPage endCursor } }
    }
  }
`,
  [CheckpointFields],
);

export const StartsQuery = graphql(
  `
  query Starts($modelId: ID!, $first: Int!) {
    model(id: $modelId) {
      id
      checkpoints(first: $first) { nodes { ...StartParts } }
    }
  }
`,
  [StartFields],
);

export const CheckpointQuery = graphql(
  `
  query Checkpoint($id: ID!) {
    node(id: $id) { __typename id ... on Checkpoint { ...StartParts } }
  }
`,
  [StartFields],
);

export const DiffQuery = graphql(`
  query Diff($fromId: ID!, $toId: ID!) {
    checkpointDiff(fromId: $fromId, toId: $toId) {
      parameters
      tensors { path change norm relative fromShape toShape fromDtype toDtype }
    }
  }
`);

export const LogsQuery = graphql(`
  query Logs($id: ID!, $first: Int!, $after: String) {
    instance(id: $id) {
      id
      logs(first: $first, after: $after) {
        nodes { instanceId at stream text }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

export const WorldPageQuery = graphql(
  `
  query WorldPage($id: ID!) {
    node(id: $id) {
      id
      ... on EnvironmentInstance {
        ...WorldRow
        parameters
        signals(first: 100) { nodes { path observable overridable modality { ...ModalityParts } } }
        logs(first: 100) { nodes { instanceId at stream text } }
      }
    }
  }
`,
  [WorldRowFields, ModalityFields],
);

const payload = [InstanceRowFields, UserErrorFields] as const;

export const LaunchMutation = graphql(
  `mutation Launch($input: InstanceLaunchInput!) {
    outcome: instanceLaunch(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  payload,
);
export const PauseMutation = graphql(
  `mutation Pause($input: InstanceInput!) {
    outcome: instancePause(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  payload,
);
export const ResumeMutation = graphql(
  `mutation Resume($input: InstanceInput!) {
    outcome: instanceResume(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  payload,
);
export const TerminateMutation = graphql(
  `mutation Terminate($input: InstanceInput!) {
    outcome: instanceTerminate(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  payload,
);
export const ModeMutation = graphql(
  `mutation Mode($input: InstanceModeSetInput!) {
    outcome: instanceModeSet(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  payload,
);
export const RateMutation = graphql(
  `mutation Rate($input: InstanceRateSetInput!) {
    outcome: instanceRateSet(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  payload,
);
export const StepMutation = graphql(
  `mutation Step($input: InstanceStepInput!) {
    outcome: instanceStep(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  payload,
);
export const ResetMutation = graphql(
  `mutation Reset($input: InstanceInput!) {
    outcome: instanceReset(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  payload,
);
export const DeleteMutation = graphql(
  `mutation Delete($input: InstanceInput!) {
    outcome: instanceDelete(input: $input) { deletedId userErrors { ...UserErrorParts } }
  }`,
  [UserErrorFields],
);
export const SaveMutation = graphql(
  `mutation Save($input: CheckpointSaveInput!) {
    outcome: checkpointSave(input: $input) { checkpoint { ...CheckpointParts } userErrors { ...UserErrorParts } }
  }`,
  [CheckpointFields, UserErrorFields],
);
export const RestoreMutation = graphql(
  `mutation Restore($input: CheckpointRestoreInput!) {
    outcome: checkpointRestore(input: $input) { instance { ...InstanceRow } userErrors { ...UserErrorParts } }
  }`,
  payload,
);
export const CheckpointDeleteMutation = graphql(
  `mutation DeleteCheckpoint($input: CheckpointInput!) {
    outcome: checkpointDelete(input: $input) { deletedId userErrors { ...UserErrorParts } }
  }`,
  [UserErrorFields],
);
export const UploadMutation = graphql(
  `mutation Upload($input: UploadCreateInput!) {
    outcome: uploadCreate(input: $input) { uploadId url headers userErrors { ...UserErrorParts } }
  }`,
  [UserErrorFields],
);
export const ModelCreateMutation = graphql(
  `mutation CreateModel($input: ModelCreateInput!) {
    outcome: modelCreate(input: $input) { model { id name } userErrors { ...UserErrorParts } }
  }`,
  [UserErrorFields],
);
export const InferMutation = graphql(
  `mutation Infer($input: InstanceInferInput!) {
    outcome: instanceInfer(input: $input) { outputs step userErrors { ...UserErrorParts } }
  }`,
  [UserErrorFields],
);
export const WorldLaunchMutation = graphql(
  `mutation WorldLaunch($input: EnvironmentLaunchInput!) {
    outcome: environmentLaunch(input: $input) { environmentInstance { ...WorldRow } userErrors { ...UserErrorParts } }
  }`,
  [WorldRowFields, UserErrorFields],
);
export const WorldResetMutation = graphql(
  `mutation WorldReset($input: EnvironmentInstanceInput!) {
    outcome: environmentReset(input: $input) { environmentInstance { ...WorldRow } userErrors { ...UserErrorParts } }
  }`,
  [WorldRowFields, UserErrorFields],
);
export const WorldTerminateMutation = graphql(
  `mutation WorldTerminate($input: EnvironmentInstanceInput!) {
    outcome: environmentTerminate(input: $input) { environmentInstance { ...WorldRow } userErrors { ...UserErrorParts } }
  }`,
  [WorldRowFields, UserErrorFields],
);

export const LiveSubscription = graphql(
  `
  subscription Live($input: LiveInput!) {
    live(input: $input) {
      kind
      cursor
      instances { ...InstanceRow }
      environmentInstances { ...WorldRow }
      removedInstanceIds
      values {
        key
        instanceId
        path
        timeline
        step
        time
        scalar
        text
        statistics
        histogram { edges counts }
        tensor { dtype shape encoding data }
        overridden
        dropped
      }
      events { id at kind message step resourceId }
      logs { instanceId at stream text }
      problems { key instanceId path code message }
    }
  }
`,
  [InstanceRowFields, WorldRowFields],
);

export type LiveInput = VariablesOf<typeof LiveSubscription>['input'];
export type LiveEvent = ResultOf<typeof LiveSubscription>['live'];
export type SignalValue = LiveEvent['values'][number];
export type LogLine = LiveEvent['logs'][number];
export type ZooEvent = LiveEvent['events'][number];
export type LiveProblem = LiveEvent['problems'][number];
export type LaunchInput = VariablesOf<typeof LaunchMutation>['input'];
export type Home = ResultOf<typeof HomeQuery>;
export type ModelOffer = ResultOf<typeof ModelsQuery>['models']['nodes'][number];
export type EnvironmentOffer = NonNullable<ResultOf<typeof WorldsQuery>>['environments']['nodes'][number];
export type InstancePage = NonNullable<ResultOf<typeof InstancePageQuery>['instance']>;
export type SignalOffer = ResultOf<typeof SignalFields>;
export type SignalAnswer = NonNullable<ResultOf<typeof SignalsQuery>['instance']>;
export type TensorRow = NonNullable<ResultOf<typeof DiffQuery>['checkpointDiff']>['tensors'][number];
export type TensorParts = NonNullable<SignalValue['tensor']>;
