"""What an instance has printed, and how its scalars have gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LogLine:
    at: str
    stream: str
    """stdout, stderr or zoo."""
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Series:
    """A scalar's history, reduced to buckets: `mean`, `minimum` and `maximum` of each; NaN where there was none."""

    path: str
    timeline: int
    steps: tuple[int, ...]
    times: tuple[str, ...]
    mean: tuple[float, ...]
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]


def read_line(document: Mapping[str, Any]) -> LogLine:
    """Reads a `LogLine` of the API."""
    return LogLine(document["at"], document["stream"], document["text"])


def read_series(document: Mapping[str, Any]) -> Series:
    def reals(name: str) -> tuple[float, ...]:
        return tuple(float("nan") if value is None else float(value) for value in document[name])

    return Series(
        path=document["path"],
        timeline=document["timeline"],
        steps=tuple(int(step) for step in document["steps"]),
        times=tuple(document["times"]),
        mean=reals("mean"),
        minimum=reals("min"),
        maximum=reals("max"),
    )
