"""Scribe: what becomes of batches in the recorder's own thread: segments, and tails of the segment that is open."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from . import segment, weights
from .batch import Batch, Encoded, encode
from .blocks import Packing
from .channel import Channel
from .segment import Segment

_logger = logging.getLogger(__name__)

_SHARE_OF_TAIL = 0.75  # encoding and writing take time as well, and nothing may be older than promised


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, as JSON."""

    timeline: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Tensors that nobody changes any more."""

    step: int
    timeline: int
    tensors: Mapping[str, npt.NDArray[Any]]
    size_bytes: int


class Scribe:
    """Writes what it is given, in order. All of it is for one thread; what others read are numbers and texts."""

    def __init__(
        self,
        channels: Sequence[Channel],
        keep: Callable[[Segment], None],
        folder: Path,
        segment_s: float,
        segment_bytes: int,
        tail_s: float | None,
        first_number: int,
    ) -> None:
        self.taken_bytes = 0
        """What of the recorder's backlog has been seen to."""
        self.size_bytes = 0
        self.lost_steps = 0
        self.lost_snapshots = 0
        self.problem: str | None = None
        self._channels = channels
        self._packing = Packing()
        self._keep = keep
        self._folder = folder
        self._segment_s = segment_s
        self._segment_bytes = segment_bytes
        self._has_tails = tail_s is not None
        self._period_s = min(1.0 if tail_s is None else tail_s * _SHARE_OF_TAIL, segment_s)
        self._next_at = time.monotonic() + self._period_s
        self._number, self._tail = first_number, 0
        self._timeline: int | None = None
        self._begun_at: float | None = None
        self._batches: list[Encoded] = []
        self._untailed: list[Encoded] = []
        self._events: list[bytes] = []
        self._untailed_events = 0
        self._held_bytes = 0
        self._is_over = False

    @property
    def patience_s(self) -> float:
        """How long nothing need be done, unless there is something new."""
        return max(0.0, self._next_at - time.monotonic())

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next_at

    @property
    def is_stuck(self) -> bool:
        """Whether it holds a segment that cannot be written, and should not be given more."""
        return self.problem is not None and self._held_bytes >= self._segment_bytes

    @property
    def loss(self) -> str | None:
        """After `seal`: what is not written, for people; None where all is."""
        if self._is_over:
            return self.problem
        steps = sum(batch.rows for batch in self._batches)
        if not steps and not self._events:
            return None
        return f"the last {steps:,} steps of the recording are not written: {self.problem}"

    def add(self, batch: Batch) -> None:
        """Takes a batch that nobody adds to any more."""
        rows = len(batch.steps)
        if self._is_over:
            self.lost_steps += rows - batch.sealed
            return
        self._turn_to(batch.timeline)
        start, tailed = batch.sealed, batch.tailed
        if start < rows:
            encoded = self._add(batch, rows)
            if self._has_tails and tailed < rows:
                self._untailed.append(
                    encoded if tailed <= start else encode(batch, tailed, rows, self._packing, self._refused)
                )
        if self._held_bytes >= self._segment_bytes:
            self._write_segment()

    def add_event(self, event: Event) -> None:
        if self._is_over:
            return
        self._turn_to(event.timeline)
        self._events.append(event.text)
        self._held_bytes += len(event.text)

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Writes tensors into a file of their own; without room for it they are lost, and counted."""
        if self._is_over:
            self.lost_snapshots += 1
            return
        name = f"weights-{snapshot.timeline}-{snapshot.step}.safetensors"
        try:
            path, size, sha256 = segment.save(self._folder, name, weights.pieces(snapshot.tensors))
        except OSError as error:
            self._failed(error)
            self.lost_snapshots += 1
            return
        index = weights.entry(name, snapshot.timeline, snapshot.step, size, sha256)
        self._hand_over(Segment(self._number, None, name, path, size, sha256, index))

    def tick(self, open_batch: Batch | None) -> None:
        """Writes what is due. `open_batch`: what the step thread is filling."""
        self._next_at = time.monotonic() + self._period_s
        if self._is_over:
            return
        if open_batch is not None:
            self._turn_to(open_batch.timeline)
        if self.is_stuck or (self._begun_at is not None and time.monotonic() >= self._begun_at + self._segment_s):
            self.seal(open_batch)
        elif self._has_tails:
            self._write_tail(open_batch)

    def seal(self, open_batch: Batch | None) -> None:
        """Ends the segment, with what `open_batch` has so far."""
        rows = 0 if open_batch is None else len(open_batch.steps)
        if self._is_over:
            if open_batch is not None:
                self.lost_steps += rows - open_batch.sealed
                open_batch.sealed = rows
            return
        if open_batch is not None:
            self._turn_to(open_batch.timeline)
            if open_batch.sealed < rows:
                self._add(open_batch, rows)
        self._write_segment()

    def give_up(self, error: Exception) -> None:
        """Records nothing any more."""
        self._is_over = True
        self.problem = f"the recorder failed and has stopped: {type(error).__name__}: {error}"
        self._forget()

    def _add(self, batch: Batch, rows: int) -> Encoded:
        encoded = encode(batch, batch.sealed, rows, self._packing, self._refused)
        self._batches.append(encoded)
        self._held_bytes += encoded.size_bytes
        batch.sealed = rows
        batch.tailed = max(batch.tailed, rows)
        return encoded

    def _turn_to(self, timeline: int) -> None:
        """Begins a segment where none is open, another one on another timeline.

        What cannot be written of the earlier timeline is lost then: a segment has but one.
        """
        if timeline != self._timeline:
            self._write_segment()
            self._forget()
            self._timeline = timeline
        if self._begun_at is None:
            self._begun_at = time.monotonic()

    def _write_segment(self) -> None:
        if self._batches or self._events:
            written = self._write(self._batches, self._events, None)
            if written is None:
                return
            self._hand_over(written)
            self._number, self._tail = self._number + 1, 0
            self._batches.clear()
        self._forget()

    def _forget(self) -> None:
        self.lost_steps += sum(batch.rows for batch in self._batches)
        self._batches, self._untailed, self._events = [], [], []
        self._untailed_events = self._held_bytes = 0
        self._begun_at = None
        if self._tail:  # tails of a segment that never was whole keep their number
            self._number, self._tail = self._number + 1, 0

    def _write_tail(self, open_batch: Batch | None) -> None:
        batches, events = list(self._untailed), self._events[self._untailed_events :]
        rows = 0
        if open_batch is not None:
            rows = len(open_batch.steps)
            start = max(open_batch.sealed, open_batch.tailed)
            if start < rows:
                batches.append(encode(open_batch, start, rows, self._packing, self._refused))
        if not batches and not events:
            return
        written = self._write(batches, events, self._tail)
        if written is None:
            return
        self._tail += 1
        self._untailed.clear()
        self._untailed_events = len(self._events)
        if open_batch is not None:
            open_batch.tailed = rows
        self._hand_over(written)

    def _write(self, batches: Sequence[Encoded], events: Sequence[bytes], tail: int | None) -> Segment | None:
        try:
            written = segment.write(
                self._folder,
                self._channels,
                batches,
                events,
                number=self._number,
                tail=tail,
                timeline=self._timeline or 0,
            )
        except OSError as error:
            self._failed(error)
            return None
        self.problem = None
        return written

    def _hand_over(self, written: Segment) -> None:
        if written.tail is None:
            self.size_bytes += written.size_bytes
        try:
            self._keep(written)
        except Exception as error:
            _logger.exception("a segment of a recording was not taken")
            self.problem = f"{written.name} is written, and was not taken: {error}"

    def _failed(self, error: OSError) -> None:
        problem = f"{self._folder} cannot be written to: {error.strerror or error}"
        if problem != self.problem:
            _logger.warning("a recording cannot be written", extra={"folder": str(self._folder), "reason": str(error)})
        self.problem = problem

    def _refused(self, problem: str) -> None:
        _logger.warning("a value is left out of a recording", extra={"reason": problem})
