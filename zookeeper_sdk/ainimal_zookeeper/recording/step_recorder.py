"""StepRecorder: takes the values of each step in well under two microseconds, and hands over segments of them.

The step thread puts values into batches and does nothing else. One thread of the recorder encodes, compresses and
writes: a full batch when it gets one, and what a batch has so far when a tail is due.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.domain.recordings import EVENTS

from . import batch as batches
from .batch import Batch
from .channel import Channel
from .scribe import Event, Scribe, Snapshot
from .segment import Segment

_logger = logging.getLogger(__name__)

_AGAIN_S = 0.25  # a disk that is full is tried again this often

_time_ns = time.time_ns


class StepRecorder:
    """Records `channels` into segments in `folder`, handing each to `keep`, in order, from its own thread.

    `take`, `event`, `weights` and `timeline` are for the step thread alone; the rest for any thread. Nothing waits for
    a disk but `seal` and `close`.

    rare: channels beside the others that have a value at few steps, and cost nothing at the others.
    segment_s, segment_bytes: a segment ends when it is this old or big. tail_s: what is older than this is in a file,
    even if the process is killed; None: only whole segments are handed over. max_backlog_bytes: what may wait to be
    written; steps beyond it are dropped, counted, and marked by an event "dropped".

    Raises: InvalidInput for two channels of one path.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        keep: Callable[[Segment], None],
        *,
        folder: Path,
        timeline: int,
        segment_s: float = 10.0,
        segment_bytes: int = 8 << 20,
        tail_s: float | None = 1.0,
        max_backlog_bytes: int = 64 << 20,
        first_number: int = 0,
        rare: Sequence[Channel] = (),
    ) -> None:
        self.channels = batches.checked([*channels, *rare])
        self._usual, self._rare = tuple(channels), tuple(rare)
        self._dropped_steps = 0
        self._dropped_snapshots = 0
        self._first_step: int | None = None
        self._rows = batches.rows_of(self._usual)
        self._row_bytes = batches.row_bytes_of(self._usual)
        self._most_bytes = max_backlog_bytes
        self._timeline = timeline
        self._pool: deque[Batch] = deque()
        self._handed_bytes = 0
        self._told_drops = 0
        self._last_step: int | None = None
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._scribe = Scribe(self.channels, keep, folder, segment_s, segment_bytes, tail_s, first_number)
        self._closed = self._ended = False
        self._requests: deque[_Request] = deque()
        self._hurry = threading.Event()
        self._serial = 0
        self._full = Batch((), 0)  # stands where no batch is to be had; always full
        self._batch = self._new_batch()
        self._thread = threading.Thread(target=self._work, name="zoo-recorder", daemon=True)
        self._thread.start()

    @property
    def first_step(self) -> int | None:
        """The oldest step that was taken."""
        if self._first_step is None and self._batch.steps:
            return self._batch.steps[0]
        return self._first_step

    @property
    def last_step(self) -> int | None:
        """The newest step that was taken."""
        steps = self._batch.steps
        return steps[-1] if steps else self._last_step

    @property
    def dropped_steps(self) -> int:
        """How many steps are not in the recording, for want of room or for a failure."""
        return self._dropped_steps + self._scribe.lost_steps

    @property
    def dropped_snapshots(self) -> int:
        """How many weights are not."""
        return self._dropped_snapshots + self._scribe.lost_snapshots

    @property
    def size_bytes(self) -> int:
        """Of whole segments and weights that were handed over."""
        return self._scribe.size_bytes

    @property
    def problem(self) -> str | None:
        """Why nothing can be written just now, for people; None while all is well."""
        return self._scribe.problem

    @property
    def timeline(self) -> int:
        """What the steps that are taken belong to; another one begins another segment."""
        return self._timeline

    @timeline.setter
    def timeline(self, timeline: int) -> None:
        if timeline != self._timeline:
            self._hand_over()
            self._timeline = timeline
            self._batch = self._new_batch()

    def take(self, step: int, values: Sequence[Any], rare: Sequence[Any] | None = None) -> None:
        """Records a step: one value for each channel, in their order, None for one that is absent.

        rare: as `values`, of the rare channels; None where all are absent.
        Arrays are copied; they, and NumPy's and Python's numbers of the channel's dtype, are taken quickly.

        Raises: InvalidInput for a value that its channel cannot hold; the step is then not recorded.
        """
        batch = self._batch
        steps = batch.steps
        row = len(steps)
        if row >= batch.rows:
            if not self._renew(step):
                return
            batch = self._batch
            steps, row = batch.steps, 0
        now = _time_ns()
        odd = batch.has_texts
        try:
            for index, append, dtype, size in batch.vectors:
                value = values[index]
                if value.dtype is dtype and value.nbytes == size:
                    append(value.tobytes())
                else:
                    odd = True
            for index, append, taken in batch.numbers:
                value = values[index]
                if value.__class__ in taken:
                    append(value)
                else:
                    odd = True
            for index, frames, dtype, shape in batch.frames:
                value = values[index]
                if value.dtype is dtype and value.shape == shape:
                    frames[row] = value
                else:
                    odd = True
        except (AttributeError, IndexError):  # None, and whatever else is no array
            odd = True
        if odd:
            batch.take_with_care(values)
        if rare is not None:
            batch.take_rare(rare)
        batch.times.append(now)
        steps.append(step)

    def take_at(self, step: int, time_ns: int, values: Sequence[Any], rare: Sequence[Any] | None = None) -> None:
        """As `take`, of a step that was made before now. Raises: InvalidInput."""
        self.take(step, values, rare)
        batch = self._batch
        if batch.steps and batch.steps[-1] == step:
            batch.times[-1] = time_ns

    def event(self, step: int, kind: str, data: Mapping[str, Any]) -> None:
        """Records that something happened at a step. Raises: InvalidInput for what is not JSON."""
        said = {"step": step, "time": _time_ns() // 1000, "kind": kind, "data": data}
        self._queue.put(Event(self._timeline, batches.text_of(Channel(EVENTS, "json", (), "json"), said)))

    def weights(self, step: int, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        """Records copies of tensors at a step, in a file of their own; beyond the backlog they are dropped."""
        size = sum(tensor.nbytes for tensor in tensors.values())
        if self._backlog_bytes + size > max(self._most_bytes, size):
            self._dropped_snapshots += 1
            self.event(step, "weights.dropped", {"sizeBytes": size})
            return
        self._handed_bytes += size
        copies = {name: np.array(tensor, order="C") for name, tensor in tensors.items()}
        self._queue.put(Snapshot(step, self._timeline, copies, size))

    def seal(self) -> None:
        """Ends the open segment with all that was taken, and returns when it was handed over. Not from within `keep`.

        Raises: as `close`.
        """
        if not self._closed:
            self._ask(end=False)

    def close(self) -> None:
        """Hands over everything and stops. A second call does nothing; steps that are taken afterwards are dropped.

        Raises: Transient where something could not be written; the message says what is lost.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._ask(end=True)
        finally:
            self._thread.join()
            self._note_ends()
            self._batch = self._full

    @property
    def _backlog_bytes(self) -> int:
        return self._handed_bytes - self._scribe.taken_bytes

    def _new_batch(self) -> Batch:
        batch = self._pool.pop() if self._pool else Batch(self._usual, self._rows, self._rare)
        self._serial += 1
        batch.timeline, batch.serial = self._timeline, self._serial
        return batch

    def _hand_over(self) -> None:
        batch = self._batch
        if batch.steps:
            self._note_ends()
            self._handed_bytes += self._row_bytes * batch.rows + batch.text_bytes
            self._queue.put(batch)

    def _note_ends(self) -> None:
        self._first_step, self._last_step = self.first_step, self.last_step

    def _renew(self, step: int) -> bool:
        """Replaces a full batch; tells whether there was room for another one."""
        self._hand_over()
        if self._closed or self._backlog_bytes >= self._most_bytes:
            self._batch = self._full
            self._dropped_steps += 1
            return False
        self._batch = self._new_batch()
        if self._dropped_steps != self._told_drops:
            self.event(step, "dropped", {"steps": self._dropped_steps - self._told_drops})
            self._told_drops = self._dropped_steps
        return True

    def _ask(self, *, end: bool) -> None:
        request = _Request(end)
        self._requests.append(request)
        self._hurry.set()
        self._queue.put(None)
        request.done.wait()
        if request.problem is not None:
            raise Transient(request.problem)

    def _work(self) -> None:
        while not self._ended:
            try:
                self._round()
            except Exception as error:  # noqa: PERF203 - the recorder stops, the agent goes on
                _logger.exception("a recorder failed")
                self._scribe.give_up(error)

    def _round(self) -> None:
        """Does what there is to do, or waits for it."""
        scribe = self._scribe
        if scribe.is_stuck and not self._requests:
            self._hurry.wait(_AGAIN_S)
        else:
            with contextlib.suppress(queue.Empty):
                self._handle(self._queue.get(timeout=scribe.patience_s))
        if self._requests:
            self._hurry.clear()
            request = self._requests.popleft()
            try:
                scribe.seal(self._catch_up())
                request.problem = scribe.loss
            except Exception as error:
                request.problem = f"the recording could not be written: {error}"
                raise
            finally:
                request.done.set()
                self._ended = self._ended or request.end
        elif scribe.is_due:
            scribe.tick(self._catch_up())

    def _catch_up(self) -> Batch | None:
        """Sees to all that was handed over, and returns the batch that the step thread is filling."""
        batch = self._batch
        serial = batch.serial
        for _ in range(self._queue.qsize()):
            self._handle(self._queue.get())
        return batch if batch.serial == serial and batch.steps else None

    def _handle(self, item: Batch | Event | Snapshot | None) -> None:
        if isinstance(item, Batch):
            try:
                self._scribe.add(item)
            except Exception:
                self._scribe.lost_steps += len(item.steps) - item.sealed
                raise
            finally:
                self._scribe.taken_bytes += self._row_bytes * item.rows + item.text_bytes
                item.clear()
                self._pool.append(item)
        elif isinstance(item, Event):
            self._scribe.add_event(item)
        elif isinstance(item, Snapshot):
            self._scribe.add_snapshot(item)
            self._scribe.taken_bytes += item.size_bytes


class _Request:
    """That everything is written now. problem: what became of it, for people."""

    def __init__(self, end: bool) -> None:
        self.end = end
        self.done = threading.Event()
        self.problem: str | None = None
