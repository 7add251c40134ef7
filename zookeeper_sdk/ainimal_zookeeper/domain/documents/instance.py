"""The document of an instance: what was asked of it, and what it is."""

from __future__ import annotations

import sys
from typing import Literal, TypedDict

from .checkpoint import CheckpointPoint, RestoreAnswer, RestoreRequest, SaveAnswer, SaveRequest
from .control import ControlAnswer, ControlDoc
from .model import ModelRef
from .override import OverrideAnswer, OverrideDoc
from .recording import RecordingRequest, SaveLastRequest
from .replay import ReplayDoc

if sys.version_info >= (3, 11):  # before that nobody looks the name up
    from typing import NotRequired

Phase = Literal["PENDING", "STARTING", "RUNNING", "PAUSED", "HIBERNATED", "STOPPING", "TERMINATED", "FAILED", "LOST"]
FINAL_PHASES: frozenset[str] = frozenset({"TERMINATED", "FAILED", "LOST"})
DesiredPhase = Literal["RUNNING", "PAUSED", "TERMINATED"]
Kind = Literal["instance", "environment"]


class Mode(TypedDict):
    training: bool
    inference: bool


class Desired(TypedDict):
    """What was asked. Written by the API only; `generation` of the instance grows with each change."""

    phase: DesiredPhase
    mode: Mode
    rate: float | None  # steps per second; None: as fast as it goes
    steps: int  # single steps granted since the launch, cumulative
    resets: int  # episode resets asked since the launch, cumulative
    save: SaveRequest | None  # the newest; absent in older documents
    restore: NotRequired[RestoreRequest | None]  # the newest
    overrides: NotRequired[list[OverrideDoc]]  # rules on signals; those that have ended stand no more
    control: NotRequired[ControlDoc | None]  # who drives; the only part that changes without a new generation
    recording: NotRequired[RecordingRequest | None]  # None: nothing is recorded on request
    saveLast: NotRequired[SaveLastRequest | None]  # the newest


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
    overrides: NotRequired[list[OverrideAnswer]]  # what the runner says of those that are desired
    control: NotRequired[ControlAnswer | None]  # what the runner says of the newest lease
    crashes: int  # attempts in a row that began from it, or anew while there is none, and were gone without a newer one


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
    replay: NotRequired[ReplayDoc]  # of what was recorded; absent where nothing is replayed
    startPoint: CheckpointPoint | None  # what its launch started from; absent in older documents
    desired: Desired
    status: Status
