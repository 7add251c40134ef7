"""Comparison: what a step has come to, held bit by bit against what was recorded of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.documents import Divergence, ReplayReport
from ainimal_zookeeper.domain.recordings import FLAGS, TERMINATED, TRUNCATED
from ainimal_zookeeper.recording import Channel
from ainimal_zookeeper.recording.exporters.excerpt import RecordedChannel, dtype_of

from ..parts import part
from ..signals import copied
from .tape import Tape

_ORDER = ("inputs", "weights", "activations", "outputs", "action", "env", "state")
"""Signals in the order in which one comes of the other: the first that differs is the one to look at."""
_NEVER = frozenset({paths.FRAME})  # pictures are drawn anew, by whatever draws


class Comparison:
    """Compares step after step until the first difference. `report` says how far it has come.

    tap: reads an activation, a weight or a part of the state. given: groups of paths that the recording drives.
    """

    def __init__(self, tape: Tape, given: frozenset[str], tap: Callable[[str], Any] | None) -> None:
        self._tape = tape
        self._tap = tap
        self._compares_ends = "env" not in given
        self._compares_weights = "weights" not in given and tap is not None
        self.compared = 0
        self.first: Divergence | None = None
        known = [path for path in tape.channels if _group(path) in _ORDER and path not in _NEVER]
        taps = {"activations", "weights", "state"}
        self.paths = sorted(
            (p for p in known if _group(p) not in given and (tap is not None or _group(p) not in taps)),
            key=lambda path: (_ORDER.index(_group(path)), known.index(path)),
        )

    @property
    def report(self) -> ReplayReport:
        return {"comparedSteps": self.compared, "identical": self.first is None, "first": self.first}

    def take(self, step: int, inputs: Any, outputs: Any, action: Any, reward: Any, ends: tuple[Any, Any]) -> None:
        """Compares a step, unless a difference was found before or comparing begins later."""
        if self.first is not None or (self._tape.compared_from is not None and step < self._tape.compared_from):
            return
        self.compared += 1
        for path in self.paths:
            recorded = self._tape.value(path, step)
            if recorded is None:
                continue
            group, _, name = path.partition(".")
            found: Any
            if group == "inputs":
                found = part(inputs, name)
            elif group == "outputs":
                found = None if outputs is None else part(outputs, name)
            elif group == paths.ACTION:
                found = part(action, name) if name else action
            elif group == "env":
                found = reward if path == paths.REWARD else None
            else:
                found = None if self._tap is None else self._tap(path)
            magnitude = difference(self._tape.channels[path], recorded, found)
            if magnitude is not None:
                self.first = {"step": step, "path": path, "magnitude": magnitude}
                return
        if self._compares_ends:
            now = (TERMINATED if ends[0] else 0) | (TRUNCATED if ends[1] else 0)
            if now != self._tape.flags(step) & (TERMINATED | TRUNCATED):
                self.first = {"step": step, "path": FLAGS, "magnitude": 1.0}

    def between(self, step: int) -> None:
        """Compares the weights that were copied after `step`: those of the next one, before it is made."""
        early = self._tape.compared_from is not None and step < self._tape.compared_from - 1
        if self.first is not None or early or not self._compares_weights or self._tap is None:
            return
        for path, recorded in self._tape.weights(step).items():
            found = self._tap(path)
            channel = Channel(path, recorded.dtype.name, recorded.shape, "vector")
            magnitude = difference(channel, recorded, found)
            if magnitude is not None:
                at = min(step + 1, self._tape.last)
                self.compared += at - step
                self.first = {"step": at, "path": path, "magnitude": magnitude}
                return


def difference(channel: RecordedChannel, recorded: Any, found: Any) -> float | None:
    """Returns by how much `found` differs from what was recorded: the largest of all elements; None: it does not.

    Infinity for another shape, for texts, and for what is not there.
    """
    if found is None:
        return math.inf
    if channel.kind in {"text", "json"}:
        return None if recorded == found else math.inf
    before = np.asarray(recorded)
    try:
        now = np.asarray(copied(found)).astype(dtype_of(channel))
    except (TypeError, ValueError):
        return math.inf
    if before.shape != now.shape:
        return math.inf
    if before.tobytes() == now.tobytes():
        return None
    with np.errstate(all="ignore"):
        apart = np.abs(before.astype(np.float64) - now.astype(np.float64))
    different = (before != now) & ~(np.isnan(before) & np.isnan(now)) if before.dtype.kind == "f" else before != now
    if not different.any():
        return 0.0  # zeros of another sign, or other bits of what is no number
    largest = float(apart[different].max())
    return math.inf if math.isnan(largest) else largest


def _group(path: str) -> str:
    return path.partition(".")[0]
