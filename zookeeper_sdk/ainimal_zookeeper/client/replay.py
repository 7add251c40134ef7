"""Replays and exports of recordings, asked for from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.errors import InvalidTransition, NotFound, PermissionDenied

from . import documents
from .endpoint import Endpoint
from .refusals import raise_user_errors

if TYPE_CHECKING:
    from ainimal_zookeeper.recording.recording import Recording


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


def open_recording(endpoint: Endpoint, recording_id: str) -> Recording:
    """Returns a recording of the zoo, read by ranges over HTTP while it is used; `close` it.

    Raises: NotFound; InvalidTransition while it is open; PermissionDenied; what `Recording.open` raises.
    """
    found = endpoint.ask(documents.RECORDING_ACCESS, id=recording_id)["recording"]
    if found is None:
        raise NotFound(f"there is no recording {recording_id}; list those that exist")
    if found["phase"] == "OPEN":
        raise InvalidTransition(f"recording {recording_id} is still open; stop it, then read it")
    access = found["access"]
    if access is None:
        raise PermissionDenied(f"you may not read all that is in the recording {recording_id}; ask its owner")
    # NumPy is not needed by who only steers a zoo.
    from ainimal_zookeeper.recording.recording import Recording
    from ainimal_zookeeper.recording.sources import Ranges

    return Recording.open(Ranges(access["baseUrl"], access["headers"]))


def export_recording(
    recording: Recording,
    format: str,
    target: Path,
    *,
    signals: Sequence[str] | None,
    from_step: int | None,
    to_step: int | None,
) -> Path:
    """Converts a recording on this computer. Args, Raises: as `recording.exporters.export`."""
    from ainimal_zookeeper.recording.exporters import export

    return export(recording, format, target, signals=signals, from_step=from_step, to_step=to_step)
