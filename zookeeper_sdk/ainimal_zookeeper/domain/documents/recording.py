"""Documents of recordings, of the pieces that they are made of, and of notes at steps."""

from __future__ import annotations

import sys
from typing import Literal, TypedDict

if sys.version_info >= (3, 11):  # before that nobody looks the name up
    from typing import NotRequired

RecordingPhase = Literal["OPEN", "SEALED", "LOST"]


class RecordingRequest(TypedDict):
    """Somebody wants an attempt recorded from now on. Another attempt is not what was meant."""

    id: str  # "rec_...", of the recording
    signals: list[str] | None  # paths, with * and ? for many; None: inputs, outputs, action and reward
    authorId: str | None
    attempt: int


class SaveLastRequest(TypedDict):
    """Somebody wants what an attempt did in the last `seconds` as a recording."""

    id: str  # "rec_...", of the recording
    seconds: float
    authorId: str | None
    attempt: int


class RecordingDoc(TypedDict):
    """A log of signals. SEALED: whole. LOST: its runner was gone before; what had arrived by then can be read.

    While it is OPEN, steps and sizes are those that have arrived. `manifest.json` below its prefix is written when that
    ends, of the segments.
    """

    id: str
    instanceId: str
    instanceName: str
    modelId: str | None
    ownerId: str | None  # the instance's: who may do what is decided as for the instance
    authorId: str | None  # who asked for it
    attempt: int
    timeline: int  # of its first step
    phase: RecordingPhase
    asked: list[str] | None  # the patterns that were asked for
    signals: list[str]  # paths, known once its runner has begun
    firstStep: int
    lastStep: int
    firstAt: str | None
    lastAt: str | None
    sizeBytes: int
    indexBytes: NotRequired[int]  # of what was said of its objects
    droppedSteps: int  # that were not recorded, since the disk or the bucket took no more
    createdAt: str
    sealedAt: str | None
    checkpointId: str | None  # the state before its first step
    prefix: str  # of its objects in the bucket, with the / at its end
    kind: Literal["ASKED", "LAST"]
    failure: dict[str, str] | None  # {code, message}: why there is nothing, or less than was asked for


class SegmentDoc(TypedDict):
    """An object of a recording that has arrived. A whole segment takes the place of its tails."""

    id: str
    recordingId: str
    order: int  # number * 1_000_000 + tail: reading order
    number: int
    tail: int | None  # None: whole, or what is no piece of a log, such as weights
    name: str  # below the recording's prefix
    sizeBytes: int
    sha256: str
    indexJson: str


class AnnotationDoc(TypedDict):
    """What somebody has noted at a step, or at the steps from `step` to `endStep`."""

    id: str
    instanceId: str
    ownerId: str | None  # the instance's
    authorId: str | None
    step: int
    endStep: int | None
    timeline: int
    text: str
    createdAt: str
