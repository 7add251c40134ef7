"""Tape: a stretch of a recording, step after step without a gap, as a replay takes from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.recordings import FIRST, FLAGS, PATCHES, TERMINATED, TRUNCATED
from ainimal_zookeeper.recording.exporters.excerpt import Recorded, RecordedChannel, bytes_of

_WINDOW = 512  # steps that are read at once, of everything fewer where that takes more than
_WINDOW_BYTES = 64 << 20


class Tape:
    """Steps `first` to `last` of `recording`, from `wind` on.

    A stretch ends where steps were dropped and where the instance went back to a checkpoint; `ends_early` says so.
    """

    def __init__(self, recording: Recorded, from_step: int | None = None, to_step: int | None = None) -> None:
        steps, timelines, _, flags = recording.read(FLAGS, 0, 2**53 if to_step is None else to_step)
        if not len(steps):
            raise InvalidInput("the recording holds no steps; record it again")
        self._steps = np.asarray(steps, np.int64)
        self._timelines = np.asarray(timelines, np.int64)
        self._flags = np.asarray(flags)
        self._recording = recording
        self._to = to_step
        self.channels: Mapping[str, RecordedChannel] = {
            channel.path: channel for channel in recording.signals if not channel.path.startswith("zoo.")
        }
        row = sum(map(bytes_of, self.channels.values()))
        self._length = max(1, min(_WINDOW, _WINDOW_BYTES // max(row, 1)))
        self._events: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
        for event in recording.events:
            self._events.setdefault((int(event["timeline"]), int(event["step"])), []).append(event)
        self.compared_from = from_step
        self.first = self.last = 0
        self.timeline = 0
        self.ends_early: str | None = None
        self._snapshots = {(int(each["timeline"]), int(each["step"])) for each in recording.manifest.get("weights", ())}
        self._begin = 0
        self._window: tuple[int, int] = (0, -1)
        self._columns: dict[str, tuple[dict[int, int], Any]] = {}

    def wind(self, step: int) -> bool:
        """Makes `step` the first one; where it was not recorded, the first that is, or that is compared.

        Returns whether `step` was recorded.
        """
        found = np.flatnonzero(self._steps == step)
        there = bool(len(found))
        if not there and self.compared_from is not None:
            found = np.flatnonzero(self._steps == self.compared_from)
        row = int(found[0]) if len(found) else 0
        end = row + 1
        while end < len(self._steps) and self._follows(end) and (self._to is None or self._steps[end] <= self._to):
            end += 1
        self._begin = row
        self.first, self.last = int(self._steps[row]), int(self._steps[end - 1])
        self.timeline = int(self._timelines[row])
        self.ends_early = None
        if end < len(self._steps) and (self._to is None or self.last < self._to):
            why = "steps after it were dropped"
            if self._timelines[end] != self._timelines[end - 1]:
                why = "the instance then went back to a checkpoint"
            self.ends_early = f"it is replayed up to step {self.last:,}: {why}"
        self._window = (0, -1)
        return there

    @property
    def has_patches(self) -> bool:
        """Tells whether what rules took from other recordings is in this one."""
        return any(channel.path == PATCHES for channel in self._recording.signals)

    def patched(self, step: int, rule: str) -> Any:
        """Returns what the rule `rule` took from another recording for `step`, as JSON; None: nothing."""
        found = self.value(PATCHES, step) if self.first <= step <= self.last else None
        return None if found is None else found.get(rule)

    def _follows(self, row: int) -> bool:
        return bool(self._steps[row] == self._steps[row - 1] + 1 and self._timelines[row] == self._timelines[row - 1])

    def flags(self, step: int) -> int:
        """Returns the bits of domain.recordings of a step of the stretch."""
        return int(self._flags[self._begin + step - self.first])

    def ended(self, step: int) -> bool:
        """Tells whether an episode ended with `step`."""
        return bool(self.flags(step) & (TERMINATED | TRUNCATED))

    def cut_before(self, step: int) -> bool:
        """Tells whether an episode was begun with `step` that no end before it led to."""
        return bool(self.flags(step) & FIRST) and step > self.first and not self.ended(step - 1)

    def events(self, step: int) -> Sequence[Mapping[str, Any]]:
        """Returns what was told of a step, in order."""
        return self._events.get((self.timeline, step), ())

    def has_weights(self, step: int) -> bool:
        """Tells whether weights were copied after `step`, or before the first one.

        Where it then learnt without acting, they are of some time meanwhile: those are left out.
        """
        if (self.timeline, step) not in self._snapshots:
            return False
        return not any(event["kind"] == "learnt" for event in self.events(step))

    @property
    def copied(self) -> Sequence[str]:
        """The paths of weights that were copied now and then."""
        if not self._snapshots:
            return ()
        timeline, step = min(self._snapshots)
        return [f"weights.{name}" for name in self._recording.weights(step, timeline)]

    def weights(self, step: int) -> Mapping[str, Any]:
        """Returns the weights that were copied after `step`, by path; none where they were not."""
        if not self.has_weights(step):
            return {}
        found = self._recording.weights(step, self.timeline)
        return {f"weights.{name}": tensor for name, tensor in found.items()}

    def value(self, path: str, step: int) -> Any:
        """Returns what was recorded of a signal at a step of the stretch: an array, a number, text; None: nothing."""
        low, high = self._window
        if not low <= step <= high:
            low = step
            high = min(step + self._length - 1, self.last)
            self._window, self._columns = (low, high), {}
        if path not in self._columns:
            steps, timelines, _, values = self._recording.read(path, low, high)
            rows = np.flatnonzero(np.asarray(timelines) == self.timeline)
            self._columns[path] = {int(steps[row]): int(row) for row in rows}, values
        index, values = self._columns[path]
        row = index.get(step)
        return None if row is None else values[row]
