"""Replays of recordings, asked for from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import documents
from .endpoint import Endpoint
from .refusals import raise_user_errors


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first value that is not, to the bit, what was recorded."""

    step: int
    path: str
    magnitude: float
    """Of the largest difference of an element; infinite where shapes or texts differ."""


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """How far a replay equals what was recorded."""

    recording_id: str
    planes: tuple[str, ...]
    """What is taken from the recording; the rest is compared."""
    compared_steps: int
    """Up to the first difference, or so far."""
    identical: bool
    first: Divergence | None
    document: Mapping[str, Any] = field(repr=False, compare=False)

    def __str__(self) -> str:
        if self.first is None:
            return f"identical over {self.compared_steps:,} steps"
        return f"step {self.first.step:,}: {self.first.path} differs by {self.first.magnitude:g}"


def read_report(document: Mapping[str, Any]) -> ReplayReport:
    """Reads a `ReplayReport` of the API."""
    first = document["first"]
    return ReplayReport(
        recording_id=document["recordingId"],
        planes=tuple(document["planes"]),
        compared_steps=int(document["comparedSteps"]),
        identical=document["identical"],
        first=None if first is None else Divergence(int(first["step"]), first["path"], float(first["magnitude"])),
        document=document,
    )


def ask_for_replay(
    endpoint: Endpoint,
    recording_id: str,
    *,
    planes: Sequence[str] | None,
    environment_id: str | None,
    checkpoint_id: str | None,
    from_step: int | None,
    to_step: int | None,
    command_id: str | None,
) -> dict[str, Any]:
    """Launches a replay and returns the `Instance` of the API that does it."""
    wanted = {
        "recordingId": recording_id,
        "planes": None if planes is None else [plane.upper() for plane in planes],
        "environmentId": environment_id,
        "checkpointId": checkpoint_id,
        "fromStep": from_step,
        "toStep": to_step,
        "commandId": command_id,
    }
    given = {key: value for key, value in wanted.items() if value is not None}
    answer = endpoint.ask(documents.RECORDING_REPLAY, input=given)["recordingReplay"]
    raise_user_errors(answer)
    instance: dict[str, Any] = answer["instance"]
    return instance
