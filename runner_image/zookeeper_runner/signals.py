"""Signals: everything watchable of this attempt, read in the step thread when somebody is due to see it.

The step thread leaves what it has in `moment`; nothing is copied until a value was asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.domain.errors import InvalidInput

from .arrows import touches
from .bell import Bell
from .cutting import WHOLE, Cut
from .fault import first_line
from .manifest import TAPPED
from .parts import part

if TYPE_CHECKING:
    from .taps import Taps

_FOLLOWED_S = 3.0  # an activation is kept in each forward that long after somebody asked for it
_ELSEWHERE = (
    "it runs only while the model learns, or within what torch.compile makes into one piece: then it needs eager mode"
)
PATIENCE = 20  # steps in which an activation may be missing before those who wait are told


class Captured(NamedTuple):
    """A value of a signal, copied: nobody changes it any more. `version` tells newer from older on all timelines."""

    path: str
    value: Any
    step: int
    time: float  # seconds since the epoch
    version: int
    timeline: int = 0
    overridden: bool = False
    cut: Cut = WHOLE


class Unreadable(NamedTuple):
    """A signal that cannot be read, and why."""

    path: str
    code: str
    message: str
    cut: Cut = WHOLE


@dataclass(slots=True)
class Moment:
    """What the last step left behind. `version` grows whenever any of it changes; 0 before the first."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = None
    action: Any = None
    reward: Any = None
    step: int = 0
    version: int = 0
    timeline: int = 0
    agents: Mapping[str, Any] = field(default_factory=dict)  # of a shared world: {seat: {inputs, action}}
    overridden: frozenset[str] = frozenset()  # paths that a rule or the driver changed
    driver: str | None = None  # user who drove, None when the model did
    trained: int = 0  # how often the model has learnt


@dataclass(slots=True)
class _Followed:
    """An activation that is kept in each forward. since: the moment's version when that began."""

    until: float
    since: int


class Signals:
    """What is wanted, and how it is read. `request` and `metric` from any thread, the rest from the step thread."""

    def __init__(self, bell: Bell, clock: Callable[[], float] = time.monotonic) -> None:
        self.moment = Moment()
        self.catalogue: Mapping[str, SignalDoc] | None = None  # None until model and world are loaded
        self.consumers: list[Callable[[list[Captured | Unreadable]], None]] = []  # called in the step thread
        self.render: Callable[[], Any] | None = None
        self.state: Callable[[], Mapping[str, Any]] | None = None  # where the author shows one
        self.taps: Taps | None = None
        self.render_cost_s = 0.0  # of the last picture
        self._bell = bell
        self._clock = clock
        self._wanted: dict[tuple[str, Cut], int] = {}
        self._pictured: Any = None  # what was rendered in this round
        self._metrics: dict[str, Captured] = {}
        self._followed: dict[str, _Followed] = {}  # activations
        self._lock = threading.Lock()

    @property
    def wanted(self) -> bool:
        """Whether anybody waits for a value."""
        return bool(self._wanted)

    def request(self, path: str, after: int, cut: Cut = WHOLE) -> None:
        """Asks for a value of `path`, or a part of it, that is newer than version `after` (-1: whatever there is)."""
        with self._lock:
            self._wanted[path, cut] = min(after, self._wanted.get((path, cut), after))
        self._bell.ring()

    def metric(self, path: str, value: float, step: int) -> None:
        """Says the newest value of a metric."""
        previous = self._metrics.get(path)
        version = 1 if previous is None else previous.version + 1
        self._metrics[path] = Captured(path, float(value), step, time.time(), version, self.moment.timeline)

    def newest(self, path: str) -> tuple[float, int] | None:
        """Returns the newest value of a metric and its step; None without one."""
        known = self._metrics.get(path)
        return None if known is None else (known.value, known.step)

    def serve(self) -> None:
        """Delivers what is wanted and there; the rest stays wanted."""
        if self._followed:
            self._unfollow()
        if not self._wanted:
            return
        with self._lock:
            wanted, self._wanted = self._wanted, {}
        results: list[Captured | Unreadable] = []
        state: Mapping[str, Any] | None = None
        later = {}
        for (path, cut), after in wanted.items():
            result: Captured | Unreadable | None
            try:
                if path.startswith("state.") and self.state is not None:
                    state = self._read_state() if state is None else state
                    result = self._captured(path, part(state, path.removeprefix("state.")), after, cut, lasting=True)
                else:
                    result = self._read(path, after, cut)
            except InvalidInput as error:
                result = Unreadable(path, error.code, str(error), cut)
            except Exception as error:  # noqa: BLE001 - user code is asked here, and watching must not end an instance
                result = Unreadable(path, "AINIMAL_FAULT", f"{path} cannot be read: {first_line(error)}", cut)
            if result is None:
                later[path, cut] = after
            else:
                results.append(result)
        self._pictured = None
        if later:
            with self._lock:
                for what, after in later.items():
                    self._wanted[what] = min(after, self._wanted.get(what, after))
        if results:
            for consumer in self.consumers:
                consumer(results)

    def _read(self, path: str, after: int, cut: Cut) -> Captured | Unreadable | None:
        moment = self.moment
        if self.taps is not None and path.partition(".")[0] in TAPPED:
            return self._read_tap(self.taps, path, after, cut)
        if path.startswith("metrics."):
            known = self._metrics.get(path)
            if known is None or known.version <= after:
                return None
            return known._replace(value=cut.of(path, known.value, None), cut=cut)
        if moment.version <= after or not moment.version:
            return None
        if path == paths.FRAME:
            return self._captured(path, self._picture(), after, cut)
        if path == paths.REWARD:
            return self._captured(path, moment.reward, after, cut)
        group, _, name = path.partition(".")
        if group == "inputs":
            return self._captured(path, part(moment.inputs, name), after, cut)
        if group == "agents":
            return self._captured(path, part(moment.agents, name), after, cut)
        if group == "outputs":
            return self._captured(path, None if moment.outputs is None else part(moment.outputs, name), after, cut)
        return self._captured(path, part(moment.action, name) if name else moment.action, after, cut)

    def _read_tap(self, taps: Taps, path: str, after: int, cut: Cut) -> Captured | Unreadable | None:
        if not path.startswith("activations."):
            return self._captured(path, taps.read(path), after, cut, lasting=True)
        now, moment = self._clock(), self.moment
        followed = self._followed.get(path)
        if followed is None:
            taps.observe("live", frozenset({*self._followed, path}))
            self._followed[path] = _Followed(now + _FOLLOWED_S, moment.version)
            self._bell.ring()  # the next step has it
            return None
        followed.until = now + _FOLLOWED_S
        if moment.outputs is None or moment.version <= after:  # nothing was computed in the last step, or seen already
            return None
        value = taps.read(path)
        if value is None and moment.version - followed.since >= PATIENCE:
            message = f"{path} has not run in the last {PATIENCE} steps; {_ELSEWHERE}"
            return Unreadable(path, "INVALID_INPUT", message, cut)
        return self._captured(path, value, after, cut, given=cut is WHOLE and value is not None and taps.give(path))

    def _unfollow(self) -> None:
        """Lets go of activations that nobody has asked for in a while."""
        now = self._clock()
        wanted = {path for path, _ in list(self._wanted)}
        kept = {path: each for path, each in self._followed.items() if each.until > now or path in wanted}
        if self.taps is not None and len(kept) < len(self._followed):
            self._followed = kept
            self.taps.observe("live", frozenset(kept))

    def _captured(
        self, path: str, value: Any, after: int, cut: Cut, *, lasting: bool = False, given: bool = False
    ) -> Captured | None:
        """lasting: whether it is there between the steps as well, and changes when the model learns. given: whether it
        is a copy already.
        """
        moment = self.moment
        version = moment.version + moment.trained if lasting else moment.version
        if value is None or version <= after:
            return None
        if cut is not WHOLE:
            signal = (self.catalogue or {}).get(path)
            value = cut.of(path, value, None if signal is None else signal["modality"])
        now, overridden = time.time(), touches(moment.overridden, path)
        value = value if given else copied(value)
        return Captured(path, value, moment.step, now, version, moment.timeline, overridden, cut)

    def _picture(self) -> Any:
        if self.render is None:
            return None
        if self._pictured is not None:
            return self._pictured
        begun = time.perf_counter()
        try:
            self._pictured = self.render()
            return self._pictured
        finally:
            self.render_cost_s = time.perf_counter() - begun

    def _read_state(self) -> Mapping[str, Any]:
        return {} if self.state is None else self.state()


def copied(value: Any) -> Any:
    """Returns a value that nobody else holds: text, a number or an array; tensors of libraries become arrays."""
    if isinstance(value, (str, bool, int, float, np.generic)):
        return value
    if hasattr(value, "detach"):  # a torch tensor, without importing torch
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        return np.array(value.numpy())
    return np.array(value)
