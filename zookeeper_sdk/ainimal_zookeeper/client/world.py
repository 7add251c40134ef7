"""A world that runs on its own, seen from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class WorldInfo:
    """What the zoo last said of a world that instances may join."""

    id: str
    name: str
    environment: str
    phase: str
    """PENDING STARTING RUNNING STOPPING TERMINATED FAILED LOST"""
    connected: tuple[str, ...]
    """Names of the instances in it."""
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """As the API answered it."""
    stage: str | None = None
    """What it is doing, in a few words, while it starts or stops."""
    failure: str | None = None
    failure_code: str | None = None
    traceback: str | None = field(default=None, repr=False)


def read_world(document: Mapping[str, Any]) -> WorldInfo:
    """Reads an `EnvironmentInstance` of the API."""
    failure = document["failure"] or {}
    return WorldInfo(
        id=document["id"],
        name=document["name"],
        environment=document["environment"]["name"],
        phase=document["phase"],
        connected=tuple(instance["name"] for instance in document["connected"]),
        document=document,
        stage=document["stage"],
        failure=failure.get("message"),
        failure_code=failure.get("code"),
        traceback=failure.get("traceback"),
    )
