"""The documents that the functions share through the store: their collections, keys and shapes.

A document is a JSON object (nothing nested deeper than Firestore takes: no list in a list, at most 1 MiB). Free-form
values (parameters, bounds, launch specifications) are therefore JSON *strings*; such keys end in `Json`. Times are
RFC 3339 strings in UTC with microseconds and a `Z`, so that they sort as text.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final, Literal, NamedTuple, TypedDict

if sys.version_info >= (3, 11):  # before that nobody looks the name up
    from typing import NotRequired

Document = dict[str, Any]


class Ref(NamedTuple):
    """Where a document lives."""

    collection: str
    id: str


def nests_lists(value: Any) -> bool:
    """Tells whether there is a list in a list, which Firestore does not hold."""
    if isinstance(value, dict):
        return any(nests_lists(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(isinstance(inner, list | tuple) or nests_lists(inner) for inner in value)
    return False


class Collections:
    """Names of all collections."""

    CONFIGURATION = "configuration"  # one document, `zoo`: ConfigurationDoc
    MODELS = "models"
    ENVIRONMENTS = "environments"
    PROBES = "probes"  # by model id: what a runner learnt of a model, with the revision it learnt it of
    INSTANCES = "instances"
    ENVIRONMENT_INSTANCES = "environmentInstances"
    MANIFESTS = "manifests"  # by instance id: signals, modalities, architecture; apart from the row because it is big
    SERIES = "series"  # by instance id: reduced history of the scalars
    THUMBNAILS = "thumbnails"  # by instance id: the last small picture
    LOGS = "logs"  # chunks of console lines
    EVENTS = "events"
    LIMITS = "limits"  # sets of ids that count against a limit
    COMMANDS = "commands"  # by command id: what a creating mutation answered
    CHECKPOINTS = "checkpoints"
    UPLOADS = "uploads"  # files on their way in, or in, to be made a model of
    SCANS = "scans"  # by model id: what a look into a file found, with the revision of the file
    DISCARDED = "discarded"  # checkpoints that are gone for everybody, while what they left is cleared away
    WITHDRAWN = "withdrawn"  # tags of such, to be taken away where the model's source is
    DUTIES = "duties"  # "pulse", "deadLetters": what the reconciler knows from one run to the next


EXPIRES_AT = "expiresAt"
"""A field of any document: from then on it may go. Firestore holds it so that a TTL policy can see to that."""

COMMAND_LIFE_S = 86_400
"""How long a command that comes again is known."""


def instance_ref(id: str) -> Ref:
    """Returns where an instance or environment instance lives: "env_..." names one of the latter."""
    return Ref(Collections.ENVIRONMENT_INSTANCES if id.startswith("env_") else Collections.INSTANCES, id)


def run_prefix(instance_id: str, attempt: int) -> str:
    """Returns what the names of all objects of an attempt begin with."""
    return f"runs/{instance_id}/{attempt}/"


Phase = Literal["PENDING", "STARTING", "RUNNING", "PAUSED", "HIBERNATED", "STOPPING", "TERMINATED", "FAILED", "LOST"]
FINAL_PHASES: frozenset[str] = frozenset({"TERMINATED", "FAILED", "LOST"})
DesiredPhase = Literal["RUNNING", "PAUSED", "TERMINATED"]
Kind = Literal["instance", "environment"]
SaveKind = Literal["ASKED", "AUTOSAVE", "DEPARTURE"]


class Mode(TypedDict):
    training: bool
    inference: bool


class SaveRequest(TypedDict):
    """Somebody wants the state saved, and the instance to go on."""

    id: str  # "sav_..."
    tag: str | None  # None: the zoo makes one up
    authorId: str | None


class SaveAnswer(TypedDict):
    """What became of a `SaveRequest`: one of `checkpointId` and `failure` is None."""

    id: str  # of the request
    checkpointId: str | None
    failure: dict[str, str] | None  # {code, message}


class CheckpointPoint(TypedDict):
    """A saved state that an instance can start again from."""

    object: str  # in the bucket, below the prefix of the attempt that saved it: a zip of what `save` wrote
    step: int
    episode: int
    sizeBytes: int
    sha256: str  # hexadecimal
    checkpointId: str | None  # the checkpoint that it is; None, or absent in older documents, where it is none


class RestoreRequest(TypedDict):
    """Somebody wants it to go back to a checkpoint, in the process that runs."""

    id: str  # "res_..."
    tag: str  # of the checkpoint
    authorId: str | None
    point: CheckpointPoint


class RestoreAnswer(TypedDict):
    """What became of a `RestoreRequest`: one of `timeline` and `failure` is None."""

    id: str  # of the request
    timeline: int | None  # the one that it began
    failure: dict[str, str] | None  # {code, message}


class Desired(TypedDict):
    """What was asked. Written by the API only; `generation` of the instance grows with each change."""

    phase: DesiredPhase
    mode: Mode
    rate: float | None  # steps per second; None: as fast as it goes
    steps: int  # single steps granted since the launch, cumulative
    resets: int  # episode resets asked since the launch, cumulative
    save: SaveRequest | None  # the newest; absent in older documents
    restore: NotRequired[RestoreRequest | None]  # the newest


class Failure(TypedDict):
    code: str
    message: str
    traceback: str | None
    step: int | None


class Stats(TypedDict):
    step: int
    episode: int
    stepsPerSecond: float
    episodeReturn: float | None  # of the last finished episode; may be NaN or infinite
    loss: float | None
    updatedAt: str | None


class Status(TypedDict):
    """What is. Written by the runner link and the reconciler only, but for PENDING (the API's launch)."""

    phase: Phase
    stage: str | None  # a few words for people: "importing torch"
    observedGeneration: int
    acknowledgedAtStep: int | None
    startedAt: str | None  # first claim of the first attempt
    endedAt: str | None
    attemptStartedAt: str  # when the current attempt was made: launch deadline counts from here
    stoppingAt: str | None  # when termination was asked of a runner: its grace counts from here
    claimed: bool  # the current attempt's runner has claimed the instance
    claimedBy: str | None  # what that runner calls itself; absent in older documents
    heartbeatAt: str | None  # last report of the current attempt
    liveAddress: str | None  # "host:port" of the runner's live server
    failure: Failure | None
    stats: Stats
    previewPaths: list[str]
    trainable: bool | None  # None until the current attempt's runner has loaded the model; absent in older documents
    lastSequence: int  # of the current attempt's reports: one that comes again is known by it
    logLines: int  # console lines received since the launch
    checkpoint: CheckpointPoint | None  # what the next attempt starts from: the newest, or the one that was restored
    save: SaveAnswer | None  # the newest; absent in older documents
    restore: NotRequired[RestoreAnswer | None]  # the newest
    restorable: NotRequired[bool]  # its process says that it can go back to a checkpoint as it runs
    crashes: int  # attempts in a row that began from it, or anew while there is none, and were gone without a newer one


class CodeDoc(TypedDict):
    """Where a model's source stood in the git repository that it is kept in."""

    commit: str  # HEAD
    path: str  # of the source there
    modified: bool  # the source differed from that commit
    atHand: bool  # the zoo that says so has the repository: it keeps history with checkpoints and pushes tags


class ModelRef(TypedDict):
    """A model as it was when its instance was launched; once an attempt has begun: as that has found it."""

    id: str
    name: str
    revision: str | None
    code: NotRequired[CodeDoc]  # absent where the source is in no git repository


class InstanceDoc(TypedDict):
    """A row of `instances` or of `environmentInstances`: both are something that a runner runs."""

    id: str  # "ins_..." or "env_..."
    kind: Kind
    name: str
    origin: Literal["LAUNCHED", "ATTACHED", "REPLAY"]
    ownerId: str | None
    model: ModelRef | None  # None for an environment instance
    environmentId: str | None  # the environment it brings (instance) or is (environment instance)
    environmentName: str | None
    environmentInstanceId: str | None  # the running world that it joins
    parametersJson: str
    environmentParametersJson: str
    seed: int | None
    computeId: str | None
    tags: list[str]
    notes: str | None
    keywords: list[str]  # lower-case prefixes of the words in name and tags, for search
    createdAt: str
    attempt: int
    timeline: int
    generation: int
    startPoint: CheckpointPoint | None  # what its launch started from; absent in older documents
    desired: Desired
    status: Status


Push = Literal["WAITING", "PUSHED", "REFUSED"]
"""Where a tag is on its way to the git repository of the model's source; REFUSED: it was told why it never comes."""


class CheckpointDoc(TypedDict):
    """A saved state that has a tag in its model's git repository.

    The repository tells more of it; what is here is enough to list it, to start from it, and to take it away.
    """

    id: str  # "chk_<commit>"
    modelId: str
    modelName: str
    modelRevision: str | None
    code: str  # the class and its source: what a model must still be to start from it
    instanceId: str
    instanceName: str
    ownerId: str | None  # the instance's: who may do what is decided as for the instance
    authorId: str | None  # who asked for it
    attempt: int
    timeline: int
    step: int
    episode: int
    tag: str
    commit: str
    parents: list[str]  # commits
    createdAt: str
    sizeBytes: int
    needsPickle: bool
    object: str
    sha256: str
    kind: SaveKind
    kept: bool  # a user gave its tag, or something was started from it: only a user takes it away
    starts: int  # how often something was started from it
    saveId: str | None  # the `SaveRequest` that it answers
    parametersJson: str
    push: NotRequired[Push]  # absent: nothing of it goes to the model's source


class DiscardDoc(TypedDict):
    """What a checkpoint that is gone has left: a tag in its model's repository, and an object."""

    id: str
    modelId: str
    tag: str
    object: str
    at: str
    pushed: NotRequired[
        bool
    ]  # the git repository of the model's source has the tag, or is getting it; absent: it has not


class WithdrawalDoc(TypedDict):
    """A tag that is to be taken away from the git repository of a model's source, if it still is the one we pushed."""

    id: str  # of the checkpoint
    modelId: str
    tag: str
    target: str  # id of the tag's git object
    at: str


class ParameterDoc(TypedDict):
    name: str
    type: str  # "float" | "int" | "bool" | "str" | "json"
    defaultJson: str | None
    description: str | None
    display: str | None
    minimum: float | None
    maximum: float | None
    choicesJson: str | None  # JSON list
    required: bool


class ModelDoc(TypedDict):
    id: str  # "mod_..." made of provider and name, the same after a restart and in every clone
    name: str
    type: str
    source: str  # for people: a path, relative to the configuration's folder where it lies below, or an address
    revision: str | None  # hash of the source file(s)
    description: str | None
    providerId: str | None
    parameters: list[ParameterDoc]
    findings: list[str]  # what was found without running it
    defect: str | None  # why no runner can load it: a syntax error with its line; then it is not launched
    keywords: list[str]
    specJson: str  # what a runner needs to load it: config.specification.ModelSpec; no secrets
    uploaded: NotRequired[UploadedFile]  # the file of a model that was uploaded; others have theirs at `source`
    code: NotRequired[CodeDoc]  # absent where the source is in no git repository


PACKED_FILES: Final = {".pkl": "pickle", ".pickle": "pickle", ".zip": "archive"}
"""How files end that hold a pickled object or a packed folder, and the types of models that they are."""

PACKED: Final = frozenset(PACKED_FILES.values())
"""Types of models whose file nobody looks into but a runner."""

UPLOADS_PROVIDER: Final = "uploads"
"""The `providerId` of models that people have uploaded: no configuration offers them, so none takes them away."""


class UploadedFile(TypedDict):
    filename: str
    object: str
    sizeBytes: int
    sha256: str
    ownerId: str | None
    createdAt: str


class UploadDoc(TypedDict):
    """A file that somebody was given a link for."""

    id: str  # "upl_..."
    filename: str
    object: str
    sizeBytes: int  # as it was announced, which the link holds it to
    sha256: str  # as it was announced
    ownerId: str | None
    createdAt: str
    modelId: str | None  # what was made of it


class ScanDoc(TypedDict):
    """What a look into the file of a model found, of which nothing was run."""

    id: str  # model id
    revision: str | None
    verdict: Literal["CLEAN", "UNKNOWN", "DANGEROUS", "UNREADABLE"]
    findings: list[str]  # sentences


def ref_of(model: ModelDoc) -> ModelRef:
    """Returns what an instance says of its model."""
    ref: ModelRef = {"id": model["id"], "name": model["name"], "revision": model["revision"]}
    if "code" in model:
        ref["code"] = model["code"]
    return ref


def code_of(model: ModelDoc) -> str:
    """Returns what a model must still be for its checkpoints to fit, in words: its class and where that is."""
    named = json.loads(model["specJson"]).get("class_name")
    return f"{named or model['type']} in {model['source']}"


class EnvironmentDoc(TypedDict):
    id: str  # "world_..." made of the name
    name: str
    type: str
    parameters: list[ParameterDoc]
    maxInstances: int | None
    maxConnected: int
    autostart: bool
    specJson: str  # config.specification.EnvironmentSpec; no secrets


class ConfigurationDoc(TypedDict):
    """What `zoo.py` or `zoo.yaml` compiled to, as far as the functions need it."""

    id: str  # "zoo"
    name: str
    revision: str
    maxModels: int | None  # instances that may run at once
    maxEnvironments: int | None  # worlds that may run at once, brought by instances or on their own
    launchDeadlineSeconds: float
    computes: list[dict[str, Any]]  # {id, name, kind, accelerators, python: interpreter or None}
    allowedOrigins: list[str]


class ModalityDoc(TypedDict):
    """A channel, as JSON: `Modality.to_document()`. Bounds and neutral are None, a number, or nested lists."""

    name: str
    kind: str  # IMAGE VECTOR SCALAR DISCRETE MULTI_DISCRETE TEXT AUDIO TREE
    shape: list[int | None]
    dtype: str
    low: Any
    high: Any
    neutral: Any
    labels: list[str] | None
    names: list[str] | None
    unit: str | None
    layout: str | None  # HWC | CHW
    maxDelta: float | None


class SignalDoc(TypedDict):
    path: str
    modality: ModalityDoc
    observable: bool
    overridable: bool


class Manifest(TypedDict):
    """What a runner found when it loaded the model and the world; stored as one JSON string."""

    inputs: list[ModalityDoc]
    outputs: list[ModalityDoc]
    signals: list[SignalDoc]
    architecture: dict[str, Any] | None
    trainable: bool
    findings: list[str]  # sentences: what was inferred, how, and how sure
    previewPaths: list[str]
    frameRate: float | None


class ManifestDoc(TypedDict):
    id: str
    attempt: int
    manifestJson: str


class ProbeDoc(TypedDict):
    id: str  # model id
    revision: str | None
    manifestJson: str


class SeriesDoc(TypedDict):
    """History reduced to buckets, a few hundred per path and timeline.

    `seriesJson` is a list of {path, timeline, steps, times, mean, min, max, counts}; times are seconds since the epoch,
    counts say how many values each bucket has.
    """

    id: str
    attempt: int
    seriesJson: str


class ThumbnailDoc(TypedDict):
    id: str
    path: str
    step: int
    dtype: str
    shape: list[int]
    encoding: Literal["RAW", "JPEG"]
    data: str  # base64


class LogChunkDoc(TypedDict):
    id: str
    instanceId: str
    order: int  # attempt * 1_000_000_000 + sequence: reading order
    firstLine: int  # how many lines of the instance came before: what is too old is told by it
    lines: list[dict[str, str]]  # {at, stream: "stdout" | "stderr" | "zoo", text}


class EventDoc(TypedDict):
    id: str
    resourceId: str
    at: str
    kind: str  # LAUNCHED CLAIMED RUNNING PAUSED MODE ... : domain/events.py
    message: str
    userId: str | None
    step: int | None


class LimitDoc(TypedDict):
    id: str  # "models", "environments", "environment:<id>", "connected:<environment instance id>"
    members: list[str]


class CommandDoc(TypedDict):
    id: str
    resourceId: str
    at: str
    userId: str | None
    digest: str  # of the input; commands of earlier versions have none
    expiresAt: str  # `at` and COMMAND_LIFE_S; commands of earlier versions have none


class PulseDoc(TypedDict):
    id: str  # "pulse"
    at: str  # when the reconciler ran, to half a minute
    since: str  # since when it has, without a gap


class DeadLettersDoc(TypedDict):
    id: str  # "deadLetters"
    lookedAt: str
    told: list[dict[str, str]]  # {id of the message, at}: those whose alarm was raised, the newest last
