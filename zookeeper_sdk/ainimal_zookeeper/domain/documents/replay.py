"""Documents of replays: an instance that does once more what was recorded of another, and how far it equals that."""

from __future__ import annotations

from typing import Literal, TypedDict

Plane = Literal["INPUTS", "OUTPUTS", "ACTIVATIONS", "WEIGHTS"]


class Divergence(TypedDict):
    """The first value that is not, to the bit, what was recorded."""

    step: int
    path: str
    magnitude: float  # of the largest difference of an element; infinite where nothing can be subtracted


class ReplayReport(TypedDict):
    """How far a replay has come. `identical` is of the steps that were compared: those up to the first difference."""

    comparedSteps: int
    identical: bool
    first: Divergence | None


class ReplayDoc(TypedDict):
    """What an instance replays. `report` is None until its runner has something to say."""

    recordingId: str
    planes: list[Plane]  # what is taken from the recording; the rest is compared
    environmentId: str | None  # the world that it steps; None where recorded inputs drive
    fromStep: int | None  # the first step that is compared; None: of the recording
    toStep: int | None  # the last step; None: of the recording
    report: ReplayReport | None
