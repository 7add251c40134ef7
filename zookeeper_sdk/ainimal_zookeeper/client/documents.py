"""Everything that the client asks of the API, as GraphQL documents. A test validates each against the schema."""

from __future__ import annotations

from typing import Final

_PARAMETER = "{ name type default description display minimum maximum choices required }"

_MODALITY = "{ name kind shape dtype low high neutral unit labels names }"

_INSTANCE = """
fragment InstanceFields on Instance {
  id name phase desiredPhase stage mode { training inference } trainable stepsPerSecond generation observedGeneration
  acknowledgedAtStep attempt timeline failure { code message traceback step } modelName environment { id name }
  environmentInstance { id } parameters seed tags notes createdAt startedAt endedAt
  stats { step episode stepsPerSecond episodeReturn loss updatedAt }
}
"""

_WORLD = """
fragment WorldFields on EnvironmentInstance {
  id name phase stage environment { id name } connected { id name } failure { code message traceback step }
  createdAt stats { step episode stepsPerSecond }
}
"""

_CHECKPOINT = """
fragment CheckpointFields on Checkpoint {
  id tag commit parents step episode timeline createdAt sizeBytes needsPickle kind kept instanceId instanceName
  modelId modelName
}
"""

_USER_ERRORS = "userErrors { code message path retryAfterSeconds }"

SERVER: Final = "query Server { server { id name version profile processes { name running restarts url } } }"

MODELS: Final = f"""
query Models($first: Int, $after: String) {{
  models(first: $first, after: $after) {{
    nodes {{
      id name type source revision description trainable findings launchable scan
      parameters {_PARAMETER} inputs {_MODALITY} outputs {_MODALITY}
    }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""

CONTROL_ACQUIRE: Final = f"""
mutation Acquire($input: ControlAcquireInput!) {{
  controlAcquire(input: $input) {{ control {{ id }} {_USER_ERRORS} }}
}}
"""

CONTROL_SEND: Final = f"""
mutation Send($input: ControlSendInput!) {{
  controlSend(input: $input) {{ appliedAtStep {_USER_ERRORS} }}
}}
"""

CONTROL_RELEASE: Final = f"""
mutation Release($input: InstanceInput!, $lease: ID) {{
  controlRelease(input: $input, controlId: $lease) {{ {_USER_ERRORS} }}
}}
"""

UPLOAD: Final = f"""
mutation Upload($input: UploadCreateInput!) {{
  uploadCreate(input: $input) {{ uploadId url headers {_USER_ERRORS} }}
}}
"""

MODEL_CREATE: Final = f"""
mutation CreateModel($input: ModelCreateInput!) {{
  modelCreate(input: $input) {{ model {{ id }} {_USER_ERRORS} }}
}}
"""

ENVIRONMENTS: Final = f"""
query Environments($first: Int, $after: String) {{
  environments(first: $first, after: $after) {{
    nodes {{ id name type maxInstances maxConnected autostart parameters {_PARAMETER} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""

WORLDS: Final = (
    """
query Worlds($first: Int, $after: String) {
  environmentInstances(first: $first, after: $after) {
    nodes { ...WorldFields }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + _WORLD
)

WORLD: Final = "query World($id: ID!) { node(id: $id) { ... on EnvironmentInstance { ...WorldFields } } }" + _WORLD

INSTANCES: Final = (
    """
query Instances($first: Int, $after: String, $phase: [InstancePhase!], $search: String) {
  instances(first: $first, after: $after, phase: $phase, search: $search) {
    nodes { ...InstanceFields }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + _INSTANCE
)

_REPLAY = "replay { recordingId planes comparedSteps identical first { step path magnitude } }"

RECORDING_REPLAY: Final = (
    f"""
mutation Replay($input: RecordingReplayInput!) {{
  recordingReplay(input: $input) {{ instance {{ ...InstanceFields }} {_USER_ERRORS} }}
}}
"""
    + _INSTANCE
)

_ANNOTATION = "{ id step endStep timeline text }"

ANNOTATE: Final = f"""
mutation Annotate($input: AnnotationCreateInput!) {{
  annotationCreate(input: $input) {{ annotation {_ANNOTATION} {_USER_ERRORS} }}
}}
"""

ANNOTATIONS: Final = f"query Annotations($id: ID!) {{ instance(id: $id) {{ annotations {_ANNOTATION} }} }}"

ANNOTATION_DELETE: Final = (
    f"mutation Delete($input: AnnotationInput!) {{ annotationDelete(input: $input) {{ deletedId {_USER_ERRORS} }} }}"
)

_RECORDING = """
fragment RecordingFields on Recording {
  id phase kind instanceId instanceName timeline signals firstStep lastStep sizeBytes droppedSteps createdAt sealedAt
  checkpointId problem
}
"""

RECORDINGS: Final = (
    """
query Recordings($first: Int, $after: String, $instanceId: ID) {
  recordings(first: $first, after: $after, instanceId: $instanceId) {
    nodes { ...RecordingFields }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + _RECORDING
)

RECORDING: Final = f"query Recording($id: ID!) {{ recording(id: $id) {{ ...RecordingFields }} }}{_RECORDING}"

INSTANCE_RECORDING: Final = (
    f"query Recorded($id: ID!) {{ instance(id: $id) {{ recording {{ ...RecordingFields }} }} }}{_RECORDING}"
)


def _recording_mutation(name: str, input_type: str) -> str:
    return (
        f"mutation Record($input: {input_type}!) {{ {name}(input: $input) "
        f"{{ recording {{ ...RecordingFields }} {_USER_ERRORS} }} }}{_RECORDING}"
    )


RECORDING_START: Final = _recording_mutation("recordingStart", "RecordingStartInput")
RECORDING_STOP: Final = _recording_mutation("recordingStop", "RecordingInput")
RECORDING_SAVE_LAST: Final = _recording_mutation("recordingSaveLast", "RecordingSaveLastInput")
RECORDING_DELETE: Final = (
    f"mutation Delete($input: RecordingInput!) {{ recordingDelete(input: $input) {{ deletedId {_USER_ERRORS} }} }}"
)

REPLAY: Final = f"query Replayed($id: ID!) {{ instance(id: $id) {{ {_REPLAY} }} }}"

RECORDING_ACCESS: Final = "query Access($id: ID!) { recording(id: $id) { phase access { baseUrl headers } } }"

INSTANCE: Final = "query Instance($id: ID!) { instance(id: $id) { ...InstanceFields } }" + _INSTANCE

SIGNALS: Final = f"""
query Signals($id: ID!, $first: Int, $after: String) {{
  instance(id: $id) {{
    signals(first: $first, after: $after) {{
      nodes {{ path observable overridable reason modality {_MODALITY} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}
"""

METRICS: Final = """
query Metrics($id: ID!, $paths: [Path!], $points: Int) {
  instance(id: $id) { metrics(paths: $paths, points: $points) { path timeline steps times mean min max } }
}
"""

LOGS: Final = """
query Logs($id: ID!, $first: Int, $after: String) {
  instance(id: $id) {
    logs(first: $first, after: $after) { nodes { at stream text } pageInfo { hasNextPage endCursor } }
  }
}
"""


def _checkpoints(of: str) -> str:
    page = (
        "checkpoints(first: $first, after: $after) { nodes { ...CheckpointFields } pageInfo { hasNextPage endCursor } }"
    )
    return f"query Checkpoints($id: ID!, $first: Int, $after: String) {{ {of.replace('PAGE', page)} }}{_CHECKPOINT}"


CHECKPOINTS: Final = _checkpoints("instance(id: $id) { PAGE }")

MODEL_CHECKPOINTS: Final = _checkpoints("model(id: $id) { PAGE }")

SIBLINGS: Final = _checkpoints("instance(id: $id) { model { PAGE } }")
"""The checkpoints of all instances of an instance's model."""

CHECKPOINT: Final = (
    f"query Checkpoint($id: ID!) {{ node(id: $id) {{ ... on Checkpoint {{ ...CheckpointFields }} }} }}{_CHECKPOINT}"
)

CHECKPOINT_DIFF: Final = """
query Difference($fromId: ID!, $toId: ID!) {
  checkpointDiff(fromId: $fromId, toId: $toId) {
    tensors { path change norm relative fromShape toShape fromDtype toDtype } parameters
  }
}
"""


def _instance_mutation(name: str, input_type: str) -> str:
    return (
        f"mutation Change($input: {input_type}!) {{ {name}(input: $input) "
        f"{{ instance {{ ...InstanceFields }} {_USER_ERRORS} }} }}{_INSTANCE}"
    )


LAUNCH: Final = _instance_mutation("instanceLaunch", "InstanceLaunchInput")
PAUSE: Final = _instance_mutation("instancePause", "InstanceInput")
RESUME: Final = _instance_mutation("instanceResume", "InstanceInput")
TERMINATE: Final = _instance_mutation("instanceTerminate", "InstanceInput")
RESET: Final = _instance_mutation("instanceReset", "InstanceInput")
STEP: Final = _instance_mutation("instanceStep", "InstanceStepInput")
RATE: Final = _instance_mutation("instanceRateSet", "InstanceRateSetInput")
MODE: Final = _instance_mutation("instanceModeSet", "InstanceModeSetInput")
UPDATE: Final = _instance_mutation("instanceUpdate", "InstanceUpdateInput")

DELETE: Final = (
    f"mutation Delete($input: InstanceInput!) {{ instanceDelete(input: $input) {{ deletedId {_USER_ERRORS} }} }}"
)

INFER: Final = (
    f"mutation Infer($input: InstanceInferInput!) {{ instanceInfer(input: $input) {{ outputs step {_USER_ERRORS} }} }}"
)

CHECKPOINT_SAVE: Final = (
    "mutation Save($input: CheckpointSaveInput!) { checkpointSave(input: $input) "
    f"{{ checkpoint {{ ...CheckpointFields }} {_USER_ERRORS} }} }}{_CHECKPOINT}"
)

CHECKPOINT_RESTORE: Final = _instance_mutation("checkpointRestore", "CheckpointRestoreInput")

CHECKPOINT_DELETE: Final = (
    f"mutation Delete($input: CheckpointInput!) {{ checkpointDelete(input: $input) {{ deletedId {_USER_ERRORS} }} }}"
)


_OVERRIDE = """
fragment OverrideFields on Override {
  id order path rule value low high weight index patch { recordingId path fromStep } allowNonFinite expiresAt
  expiresInSteps setAt appliedAtStep expiresAtStep timeline author { id name }
}
"""

OVERRIDES: Final = (
    f"query Overrides($id: ID!) {{ instance(id: $id) {{ overrides {{ ...OverrideFields }} }} }}{_OVERRIDE}"
)

OVERRIDE_SET: Final = (
    "mutation Set($input: OverrideSetInput!) { overrideSet(input: $input) "
    f"{{ override {{ ...OverrideFields }} {_USER_ERRORS} }} }}{_OVERRIDE}"
)

OVERRIDE_CLEAR: Final = _instance_mutation("overrideClear", "OverrideClearInput")


def _world_mutation(name: str, input_type: str) -> str:
    return (
        f"mutation Change($input: {input_type}!) {{ {name}(input: $input) "
        f"{{ environmentInstance {{ ...WorldFields }} {_USER_ERRORS} }} }}{_WORLD}"
    )


WORLD_LAUNCH: Final = _world_mutation("environmentLaunch", "EnvironmentLaunchInput")
WORLD_RESET: Final = _world_mutation("environmentReset", "EnvironmentInstanceInput")
WORLD_TERMINATE: Final = _world_mutation("environmentTerminate", "EnvironmentInstanceInput")

LIVE: Final = """
subscription Live($input: LiveInput!) {
  live(input: $input) {
    kind cursor removedInstanceIds
    instances { id phase failure { code message } }
    values {
      key instanceId path timeline step time scalar text statistics overridden dropped
      tensor { dtype shape encoding data } histogram { edges counts }
    }
    logs { at stream text }
    problems { key path code message }
  }
}
"""
