"""Documents of what runners saw and said, apart from the rows of their instances."""

from __future__ import annotations

import sys
from typing import Any, Literal, TypedDict

if sys.version_info >= (3, 11):  # before that nobody looks the name up
    from typing import NotRequired


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
    reason: NotRequired[str]  # why it cannot be observed, or only not overridden


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
