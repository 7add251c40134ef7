"""History: the whole past of each scalar in fixed memory, as buckets of mean, minimum and maximum."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import Any

BUCKETS = 256
PATHS = 48  # all of them, full, fit into one document of 1 MiB with what else it holds

Number = float | str


class Series:
    """One scalar's history: at most `capacity` buckets, each of `width` steps.

    When all are full, neighbours are merged and buckets become twice as wide: counts, means, minima and maxima stay
    exact. A bucket's mean is not finite where one of its values is not; its bounds are those of the others.
    """

    __slots__ = ("_buckets", "_capacity", "width")

    def __init__(self, capacity: int = BUCKETS) -> None:
        if capacity < 2 or capacity % 2:
            raise ValueError(f"capacity is {capacity}; it must be even and at least 2")
        self.width = 1
        self._capacity = capacity
        self._buckets: list[list[float]] = []  # each: last step, time of it, count, total, low, high

    def add(self, step: int, time: float, value: float) -> None:
        """Takes one value. Steps never shrink."""
        self.add_many(step, time, 1, value, value, value)

    def add_many(self, step: int, time: float, count: int, total: float, low: float, high: float) -> None:
        """Takes `count` values, of which the last was at `step` and `time` (seconds since the epoch)."""
        buckets = self._buckets
        if buckets and step // self.width == buckets[-1][0] // self.width:
            _merge(buckets[-1], [step, time, count, total, low, high])
            return
        if len(buckets) == self._capacity:
            self._halve()
            self.add_many(step, time, count, total, low, high)
            return
        buckets.append([step, time, count, total, low, high])

    def __len__(self) -> int:
        return len(self._buckets)

    def columns(self) -> dict[str, list[Any]]:
        """Returns steps (the last of each bucket), times, mean, min and max; numbers as JSON takes them."""
        buckets = self._buckets
        return {
            "steps": [int(bucket[0]) for bucket in buckets],
            "times": [round(bucket[1], 3) for bucket in buckets],
            "mean": [plain_number(bucket[3] / bucket[2]) for bucket in buckets],
            "min": [plain_number(bucket[4]) for bucket in buckets],
            "max": [plain_number(bucket[5]) for bucket in buckets],
        }

    def counts(self) -> list[int]:
        return [int(bucket[2]) for bucket in self._buckets]

    def _halve(self) -> None:
        while True:
            self.width *= 2
            merged: list[list[float]] = []
            for bucket in self._buckets:
                if merged and merged[-1][0] // self.width == bucket[0] // self.width:
                    _merge(merged[-1], bucket)
                else:
                    merged.append(bucket)
            self._buckets = merged
            if len(merged) <= self._capacity // 2 or len(merged) < 2:
                return


class History:
    """The series of one attempt, by path, on its newest timeline. Thread-safe. Paths beyond `PATHS` are not kept."""

    def __init__(self, timeline: int) -> None:
        self._timeline = timeline
        self._series: dict[str, Series] = {}
        self._finished: deque[list[dict[str, Any]]] = deque()
        self._lock = threading.Lock()

    def begin(self, timeline: int) -> None:
        """Begins the next timeline; that of the one before waits in `take_finished`."""
        finished = self.to_document()
        with self._lock:
            self._timeline = timeline
            self._series = {}
            if finished:
                self._finished.append(finished)

    @property
    def has_finished(self) -> bool:
        """Whether `take_finished` has something."""
        return bool(self._finished)

    def take_finished(self) -> list[dict[str, Any]]:
        """Returns and forgets the oldest timeline that has ended, as `to_document`; nothing without one."""
        with self._lock:
            return self._finished.popleft() if self._finished else []

    def add(self, path: str, step: int, time: float, value: float) -> bool:
        return self.add_many(path, step, time, 1, value, value, value)

    def add_many(self, path: str, step: int, time: float, count: int, total: float, low: float, high: float) -> bool:
        """Returns whether the values are kept."""
        with self._lock:
            series = self._series.get(path)
            if series is None:
                if len(self._series) >= PATHS:
                    return False
                series = self._series[path] = Series()
            series.add_many(step, time, count, total, low, high)
            return True

    def to_document(self) -> list[dict[str, Any]]:
        """Returns what `SeriesDoc.seriesJson` holds: values with as many digits as a chart can show."""
        with self._lock:
            found = [(path, series.columns(), series.counts()) for path, series in self._series.items()]
        for _, columns, _ in found:
            for name in ("mean", "min", "max"):
                columns[name] = [_charted(value) for value in columns[name]]
        return [
            {"path": path, "timeline": self._timeline, **columns, "counts": counts} for path, columns, counts in found
        ]


def plain_number(value: float) -> Number:
    """Returns a number as JSON takes it: "NaN", "Infinity" and "-Infinity" as text."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _charted(value: Number) -> Number:
    return value if isinstance(value, str) else float(f"{value:.7g}")


def _merge(bucket: list[float], other: list[float]) -> None:
    bucket[0], bucket[1] = other[0], other[1]
    bucket[2] += other[2]
    bucket[3] += other[3]
    # NaN is neither below nor above anything: it reaches a bound only where nothing else is.
    if other[4] < bucket[4] or math.isnan(bucket[4]):
        bucket[4] = other[4]
    if other[5] > bucket[5] or math.isnan(bucket[5]):
        bucket[5] = other[5]
