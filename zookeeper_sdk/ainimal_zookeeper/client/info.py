"""What the zoo says of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ainimal_zookeeper.domain.documents import Mode
from ainimal_zookeeper.domain.errors import InvalidInput

MODES: Mapping[str, Mode] = {
    "both": {"training": True, "inference": True},
    "training": {"training": True, "inference": False},
    "inference": {"training": False, "inference": True},
    "none": {"training": False, "inference": False},
}


@dataclass(frozen=True, slots=True)
class Stats:
    step: int
    episode: int
    steps_per_second: float
    episode_return: float | None
    """Of the last finished episode."""
    loss: float | None


@dataclass(frozen=True, slots=True)
class InstanceInfo:
    """What the zoo last said of an instance."""

    id: str
    name: str
    phase: str
    """PENDING STARTING RUNNING PAUSED HIBERNATED STOPPING TERMINATED FAILED LOST"""
    desired_phase: str
    stage: str | None
    """What it is doing, in a few words, while it starts or stops."""
    mode: str
    """both, training, inference or none."""
    trainable: bool | None
    """Whether it can learn where it lives, whatever the mode asks; None until its runner has loaded it."""
    rate: float | None
    """Steps per second asked for; None: as fast as it goes."""
    generation: int
    observed_generation: int
    acknowledged_at_step: int | None
    attempt: int
    timeline: int
    model: str
    environment: str | None
    parameters: Mapping[str, Any]
    tags: tuple[str, ...]
    notes: str | None
    seed: int | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    failure: str | None
    failure_code: str | None
    traceback: str | None
    stats: Stats
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """As the API answered it."""


def read_mode(text: str) -> Mode:
    """Returns the mode that `text` names. Raises: InvalidInput."""
    if text.lower() not in MODES:
        raise InvalidInput(f"mode {text!r} is none of {', '.join(MODES)}", ("input", "mode"))
    return MODES[text.lower()]


def read_info(document: Mapping[str, Any]) -> InstanceInfo:
    """Reads an `Instance` of the API."""
    failure = document["failure"] or {}
    stats = document["stats"]
    return InstanceInfo(
        id=document["id"],
        name=document["name"],
        phase=document["phase"],
        desired_phase=document["desiredPhase"],
        stage=document["stage"],
        mode=next(name for name, mode in MODES.items() if mode == document["mode"]),
        trainable=document["trainable"],
        rate=document["stepsPerSecond"],
        generation=document["generation"],
        observed_generation=document["observedGeneration"],
        acknowledged_at_step=_whole(document["acknowledgedAtStep"]),
        attempt=document["attempt"],
        timeline=document["timeline"],
        model=document["modelName"],
        environment=document["environment"] and document["environment"]["name"],
        parameters=document["parameters"] or {},
        tags=tuple(document["tags"]),
        notes=document["notes"],
        seed=_whole(document["seed"]),
        created_at=document["createdAt"],
        started_at=document["startedAt"],
        ended_at=document["endedAt"],
        failure=failure.get("message"),
        failure_code=failure.get("code"),
        traceback=failure.get("traceback"),
        stats=Stats(
            step=int(stats["step"]),
            episode=int(stats["episode"]),
            steps_per_second=float(stats["stepsPerSecond"]),
            episode_return=_real(stats["episodeReturn"]),
            loss=_real(stats["loss"]),
        ),
        document=document,
    )


def _real(value: float | str | None) -> float | None:
    return None if value is None else float(value)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
