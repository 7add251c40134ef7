"""Excerpt: the part of a recording that is exported, read in windows so that memory does not grow with its length."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...domain.errors import InvalidInput
from ...domain.recordings import FLAGS

_WINDOW = 1_024  # steps, as in a block of vectors
_WINDOW_BYTES = 64 << 20


class RecordedChannel(Protocol):
    """A signal of a recording: how its values look. kind: image, vector, scalar, text or json."""

    @property
    def path(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def kind(self) -> str: ...


class Recorded(Protocol):
    """What an exporter and a replay need of a recording; `ainimal_zookeeper.recording.Recording` is one."""

    @property
    def manifest(self) -> Mapping[str, Any]: ...
    @property
    def signals(self) -> Sequence[RecordedChannel]: ...
    @property
    def events(self) -> Sequence[Mapping[str, Any]]: ...
    def read(self, path: str, from_step: int, to_step: int, /) -> tuple[Any, Any, Any, Any]:
        """Returns steps, timelines, times (microseconds since 1970, UTC) and values, as long as each other."""
        ...

    def weights(self, step: int, timeline: int, /) -> Mapping[str, Any]:
        """Returns the newest tensors of a step or before, by name."""
        ...


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one signal in the order in which they were recorded; all as long as each other.

    steps, timelines: int64. times: int64, nanoseconds since 1970, UTC. values: an array whose first axis they are, or a
    list of texts or of what JSON holds.
    """

    steps: Any
    timelines: Any
    times: Any
    values: Any

    def __len__(self) -> int:
        return len(self.steps)


class Excerpt:
    """Chosen signals of a recording, from one step to another, both inclusive. Raises: InvalidInput."""

    def __init__(
        self, recording: Recorded, signals: Sequence[str] | None, from_step: int | None, to_step: int | None
    ) -> None:
        self._recording = recording
        offered = {channel.path: channel for channel in recording.signals if not channel.path.startswith("zoo.")}
        self.channels = tuple(_chosen(offered, signals))
        low = 0 if from_step is None else from_step
        high = 2**53 if to_step is None else to_step
        steps, timelines, times, flags = recording.read(FLAGS, low, high)
        if not len(steps):
            manifest = recording.manifest
            raise InvalidInput(
                f"nothing was recorded from step {low} to {'the end' if to_step is None else high}; the recording "
                f"holds the steps {manifest.get('firstStep')} to {manifest.get('lastStep')}",
                ("fromStep",),
            )
        self.flags = _column(steps, timelines, times, np.asarray(flags))

    @property
    def manifest(self) -> Mapping[str, Any]:
        return self._recording.manifest

    @property
    def events(self) -> list[Mapping[str, Any]]:
        """What happened within the excerpt, in order."""
        low, high = int(self.flags.steps.min()), int(self.flags.steps.max())
        return [event for event in self._recording.events if low <= event["step"] <= high]

    def column(self, path: str, window: tuple[int, int] | None = None) -> Column:
        """Returns the values of a signal: of all steps, or of those from and to which `window` says, inclusive."""
        low, high = window or (int(self.flags.steps.min()), int(self.flags.steps.max()))
        return _column(*self._recording.read(path, low, high))

    def windows(self) -> Iterator[tuple[int, int]]:
        """Yields stretches of steps, first and last, that together are the excerpt and small enough to be held."""
        row = sum(bytes_of(channel) for channel in self.channels)
        length = max(1, min(_WINDOW, _WINDOW_BYTES // max(row, 1)))
        low, high = int(self.flags.steps.min()), int(self.flags.steps.max())
        for first in range(low, high + 1, length):
            yield first, min(first + length - 1, high)


def _column(steps: Any, timelines: Any, times: Any, values: Any) -> Column:
    return Column(np.asarray(steps), np.asarray(timelines), np.asarray(times) * 1_000, values)


def _chosen(offered: Mapping[str, RecordedChannel], signals: Sequence[str] | None) -> Iterator[RecordedChannel]:
    if signals is None:
        yield from offered.values()
        return
    taken = set()
    for pattern in signals:
        found = fnmatch.filter(offered, pattern)
        if not found:
            near = difflib.get_close_matches(pattern, offered, 3, 0.3) or list(offered)[:3]
            raise InvalidInput(f"{pattern!r} was not recorded; near it: {', '.join(near)}", ("signals",))
        taken.update(found)
    yield from (channel for path, channel in offered.items() if path in taken)


def dtype_of(channel: RecordedChannel) -> np.dtype[Any]:
    """Returns what the values of a channel of numbers are read as: NumPy knows no bfloat16."""
    return np.dtype("float32" if channel.dtype == "bfloat16" else channel.dtype)


def bytes_of(channel: RecordedChannel) -> int:
    """Returns about how much memory a value of a channel takes."""
    if channel.kind in {"text", "json"}:
        return 256
    size = dtype_of(channel).itemsize
    for length in channel.shape:
        size *= length
    return size
