"""A recording in memory, as exporters and replays read one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class MemoryChannel:
    path: str
    dtype: str
    shape: tuple[int, ...]
    kind: str


@dataclass(slots=True)
class MemoryRecording:
    """columns: of each path {step: value}; what is not there was not recorded. flags: {step: bits}."""

    signals: Sequence[MemoryChannel]
    columns: Mapping[str, Mapping[int, Any]]
    flags: Mapping[int, int]
    events: Sequence[Mapping[str, Any]] = ()
    timelines: Mapping[int, int] = field(default_factory=dict)
    id: str = "rec_1"

    @property
    def manifest(self) -> Mapping[str, Any]:
        return {
            "recordingId": self.id,
            "instanceId": "ins_1",
            "firstStep": min(self.flags, default=0),
            "lastStep": max(self.flags, default=0),
        }

    def weights(self, step: int, timeline: int, /) -> Mapping[str, Any]:
        raise LookupError(f"no weights at step {step} of timeline {timeline}")

    def read(self, path: str, from_step: int, to_step: int, /) -> tuple[Any, Any, Any, Any]:
        column = self.flags if path == "zoo.flags" else self.columns[path]
        steps = np.array([step for step in column if from_step <= step <= to_step], np.int64)
        timelines = np.array([self.timelines.get(int(step), 1) for step in steps], np.int64)
        times = 1_700_000_000_000_000 + steps * 20_000
        values: Any = [column[int(step)] for step in steps]
        if not any(isinstance(value, (str, dict)) for value in values):
            dtype = np.uint8 if path == "zoo.flags" else next(c.dtype for c in self.signals if c.path == path)
            values = np.array(values, dtype)
        return steps, timelines, times, values


def lunar(steps: int = 7, *, ends: Sequence[int] = (3,)) -> MemoryRecording:
    """A small recording of every kind: pictures, a vector, a scalar, a text and a large array."""
    rng = np.random.default_rng(5)
    numbers = range(1, steps + 1)
    channels = [
        MemoryChannel("inputs.camera", "uint8", (4, 6, 3), "image"),
        MemoryChannel("inputs.state", "float32", (3,), "vector"),
        MemoryChannel("inputs.words", "str", (), "text"),
        MemoryChannel("action", "int64", (), "scalar"),
        MemoryChannel("env.reward", "float64", (), "scalar"),
        MemoryChannel("activations.wide", "float32", (20, 30), "vector"),
    ]
    columns: dict[str, dict[int, Any]] = {
        "inputs.camera": {n: rng.integers(0, 255, (4, 6, 3), np.uint8) for n in numbers},
        "inputs.state": {n: rng.normal(size=3).astype(np.float32) for n in numbers},
        "inputs.words": {n: f"step {n} \N{SNOWMAN}" for n in numbers},
        "action": {n: n % 4 for n in numbers},
        "env.reward": {n: float(n) / 3 for n in numbers},
        "activations.wide": {n: rng.normal(size=(20, 30)).astype(np.float32) for n in numbers if n % 2},
    }
    flags = {}
    first = True
    for n in numbers:
        flags[n] = (16 if first else 0) | (1 if n in ends else 0)
        first = n in ends
    events = [{"step": 2, "timeline": 1, "time": 1_700_000_000_040_000, "kind": "override", "data": {"path": "action"}}]
    return MemoryRecording(channels, columns, flags, events)
