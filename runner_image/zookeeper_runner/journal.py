"""Journal: where the step thread writes down what it did, for reports, charts and viewers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from ainimal_zookeeper.domain import paths

from .history import PATHS, History
from .session import Counters, Session
from .signals import Moment, Signals

NAMES = 500  # of metrics: each is a signal of the manifest


class Tally:
    """Count, sum and bounds of values since the last `flush`."""

    __slots__ = ("count", "high", "last", "low", "total")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.count = 0
        self.total = 0.0
        self.low = math.inf
        self.high = -math.inf
        self.last = math.nan

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.last = value
        self.low = min(self.low, value)
        self.high = max(self.high, value)

    def add_many(self, count: int, total: float, low: float, high: float) -> None:
        self.count += count
        self.total += total
        self.low = min(self.low, low)
        self.high = max(self.high, high)


class Journal:
    """Gathers cheaply at each step and episode; `flush` passes it on a few times a second. Step thread only."""

    def __init__(self, session: Session, signals: Signals, history: History) -> None:
        self.counters: Counters = session.counters
        self.moment: Moment = signals.moment
        self.moment.timeline = session.timeline
        self.new_metrics: set[str] = set()
        self.rewards = Tally()
        self._session = session
        self._signals = signals
        self._history = history
        self._returns = Tally()
        self._lengths = Tally()
        self._known = {paths.EPISODE_RETURN, paths.EPISODE_LENGTH, paths.LOSS}
        self._told_of_limit = False

    def episode(self, episode_return: float, length: int) -> None:
        """An episode has ended."""
        counters = self.counters
        counters.episode += 1
        counters.episode_return = episode_return
        self._returns.add(episode_return)
        self._lengths.add(length)
        if self._signals.wanted:
            self._session.bell.ring()

    def learnt(self, losses: Mapping[str, float]) -> None:
        """train has returned."""
        counters = self.counters
        counters.trained += 1
        self.moment.trained += 1
        if "loss" in losses:
            counters.loss = losses["loss"]
        self.metrics(losses)
        if self._signals.wanted:
            self._session.bell.ring()

    def metrics(self, values: Mapping[str, float]) -> None:
        """Takes metrics by name."""
        now, step = time.time(), self.counters.step
        for name, value in values.items():
            path = paths.join("metrics", name)
            if path not in self._known:
                if not paths.is_path(path) or len(self._known) >= NAMES:
                    continue
                self._known.add(path)
                self.new_metrics.add(path)
            self._signals.metric(path, value, step)
            if not self._history.add(path, step, now, value) and not self._told_of_limit:
                self._told_of_limit = True
                self._session.event(
                    "WARNING",
                    f"the history of {path} is not kept: {PATHS} scalars have one already; log fewer names, or watch "
                    f"it live (the first {NAMES} can be)",
                )

    def begin(self, timeline: int) -> None:
        """What is written down from now on is of another timeline."""
        self.moment.timeline = timeline
        self._history.begin(timeline)

    def snapshot(self) -> dict[str, Any]:
        """Returns what was counted besides steps and episodes."""
        counters = self.counters
        return {"trained": counters.trained, "episodeReturn": counters.episode_return, "loss": counters.loss}

    def put_back(self, kept: Mapping[str, Any]) -> None:
        counters = self.counters
        counters.trained, counters.episode_return = kept["trained"], kept["episodeReturn"]
        counters.loss = kept["loss"]

    def flush(self) -> None:
        now, step = time.time(), self.counters.step
        for path, tally in (
            (paths.REWARD, self.rewards),
            (paths.EPISODE_RETURN, self._returns),
            (paths.EPISODE_LENGTH, self._lengths),
        ):
            if not tally.count:
                continue
            low, high = (tally.low, tally.high) if tally.low <= tally.high else (math.nan, math.nan)
            self._history.add_many(path, step, now, tally.count, tally.total, low, high)
            if path != paths.REWARD:
                self._signals.metric(path, tally.last, step)
            tally.clear()
