"""FlightRing: the last seconds of what an attempt did, in memory, so that they can be kept after the fact."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.domain.errors import InvalidTransition, Transient, ZookeeperError

from ..arrows import Arrows
from ..fault import first_line
from ..session import Session
from .plan import Plan, Sources, flags_of
from .tape import make_folder
from .uploads import Bucket, Uploads

SECONDS = 30.0
BYTES = 32 << 20
QUICK_S = 5e-4  # what it takes is a hundredth of such a step; shorter ones are not slowed down unless somebody wants it

_LONGEST_S = 3600.0  # that a bucket may be away before what waits for it is forgotten
_OVERHEAD = 160  # bytes that Python takes for each value, about
_EVENTS = 2_000
_LOOKS_S = 0.5  # over which the length of a step is measured


@dataclass(frozen=True, slots=True)
class FlightSettings:
    """seconds: how far back it remembers; 0: not at all. always: also where steps are very short."""

    seconds: float = SECONDS
    max_bytes: int = BYTES
    always: bool = False

    @classmethod
    def from_launch(cls, given: Mapping[str, Any] | None) -> FlightSettings:
        """Reads the launch's `flight`; what is absent keeps its default."""
        seconds = (given or {}).get("seconds")
        return cls() if seconds is None else cls(seconds=float(seconds), always=True)


class Kept(NamedTuple):
    """A step, copied."""

    step: int
    timeline: int
    time_ns: int
    values: list[Any]
    rare: list[Any] | None
    size_bytes: int


class Remembered(NamedTuple):
    """What is to become a recording: steps in order, and what happened: (step, timeline, kind, data)."""

    plan: Plan
    steps: list[Kept]
    events: list[tuple[int, int, str, Mapping[str, Any]]]


class FlightRing:
    """Takes every step while it is on (`arrows.StepSink`). Step thread only."""

    def __init__(
        self,
        settings: FlightSettings,
        session: Session,
        arrows: Arrows,
        sources: Sources,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.active = False
        self._settings = settings
        self._session = session
        self._arrows = arrows
        self._sources = sources
        self._clock = clock
        self._signals: Sequence[SignalDoc] | None = None
        self._plan: Plan | None = None
        self._steps: deque[Kept] = deque()
        self._size_bytes = 0
        self._fixed_bytes = 0  # of each step, where all are of one size
        self._events: deque[tuple[int, int, str, Mapping[str, Any]]] = deque(maxlen=_EVENTS)
        self._first = False
        self._driver: str | None = None
        self._seen: tuple[float, int] | None = None
        self._step_s: float | None = None
        self._broken: str | None = None

    @property
    def why_off(self) -> str | None:
        """Why it remembers nothing, and how that is changed; None while it is on."""
        if self.active:
            return None
        if self._broken is not None:
            return f"the flight recorder has stopped: {self._broken}"
        if not self._settings.seconds:
            return "the flight recorder is switched off: set flight_seconds of the model to what it should remember"
        if self._step_s is not None and self._step_s < QUICK_S:
            return (
                f"the flight recorder is off, since a step takes {self._step_s * 1e6:.0f} us and would be slowed down: "
                "set flight_seconds of the model to have it on all the same"
            )
        return "the flight recorder has not begun: it needs a few steps"

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def look(self, signals: Sequence[SignalDoc]) -> None:
        """Comes between two steps, a few times a second: decides whether steps are long enough to be remembered.

        signals: those that are remembered.
        """
        if not self._settings.seconds or not signals or self._broken is not None:
            return
        now, step = self._clock(), self._session.counters.step
        if self._seen is None or step < self._seen[1]:
            self._seen = (now, step)
        elif now - self._seen[0] >= _LOOKS_S and step > self._seen[1]:
            self._step_s = (now - self._seen[0]) / (step - self._seen[1])
            self._seen = (now, step)
        if self._settings.always:
            self._switch(signals, on=True)
        elif self._step_s is not None:
            # It costs some of that length itself: what was begun ends only where steps are clearly shorter.
            self._switch(signals, on=self._step_s >= (QUICK_S / 2 if self.active else QUICK_S))

    def took(
        self, inputs: Any, outputs: Any, action: Any, reward: Any, terminated: Any, truncated: Any, final: Any = None
    ) -> None:
        arrows, session = self._arrows, self._session
        try:
            plan = self._plan
            if plan is None:
                plan = self._plan = Plan(self._signals or (), self._sources, (inputs, outputs, action, reward))
            step, driver = session.counters.step, arrows.driver
            if driver != self._driver:
                self._driver = driver
                self._events.append((step - 1, session.timeline, "driver", {"driver": driver}))
            flags = flags_of(
                terminated,
                truncated,
                overridden=bool(arrows.overridden),
                driven=driver is not None,
                first=self._first,
            )
            self._first = False
            values = [_copied(value) for value in plan.values(flags, inputs, outputs, action, reward)]
            rare = plan.rare_values(final, arrows.patched)
            rare = None if rare is None else [_copied(value) for value in rare]
        except Exception as error:  # noqa: BLE001 - what is remembered must not end what runs
            self._broken = first_line(error)
            self.active = False
            return
        size = self._fixed_bytes or sum(_size(value) for value in values)
        if not self._fixed_bytes and not any(channel.varies for channel in plan.channels):
            self._fixed_bytes = size
        if rare is not None:
            size += sum(len(str(value)) if isinstance(value, Mapping) else _size(value) for value in rare)
        now = time.time_ns()
        self._steps.append(Kept(step, session.timeline, now, values, rare, size))
        self._size_bytes += size
        oldest = now - int(self._settings.seconds * 1e9)
        steps = self._steps
        while len(steps) > 1 and (self._size_bytes > self._settings.max_bytes or steps[0].time_ns < oldest):
            self._size_bytes -= steps.popleft().size_bytes

    def began(self) -> None:
        self._first = True

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Something has happened after the step that was made last."""
        if self.active:
            self._events.append((self._session.counters.step, self._session.timeline, kind, dict(data)))

    def last(self, seconds: float) -> Remembered:
        """Returns what was done in the last seconds before the newest step. Raises: InvalidTransition without any."""
        if self._plan is None or not self._steps:
            raise InvalidTransition(self.why_off or "no step was made since the flight recorder began")
        oldest = self._steps[-1].time_ns - int(seconds * 1e9)
        steps = [kept for kept in self._steps if kept.time_ns >= oldest]
        first = (steps[0].timeline, steps[0].step)
        return Remembered(self._plan, steps, [each for each in self._events if (each[1], each[0]) >= first])

    def _switch(self, signals: Sequence[SignalDoc], *, on: bool) -> None:
        if on == self.active:
            return
        self.active = on
        if on:
            self._signals = signals
            self._arrows.sinks.append(self)
        else:
            self._arrows.sinks.remove(self)
            self._plan, self._fixed_bytes = None, 0
            self._steps.clear()
            self._events.clear()
            self._size_bytes = 0


def uploads_of(recording_id: str, remembered: Remembered, bucket: Bucket) -> Uploads:
    """Returns where `write` sends what was remembered."""
    first = remembered.steps[0]
    signals = [channel.path for channel in remembered.plan.channels[1:]]
    return Uploads(recording_id, bucket, {"signals": signals, "step": first.step, "timeline": first.timeline})


def write(remembered: Remembered, uploads: Uploads) -> None:
    """Makes a recording of what was remembered, and sends it. In any thread; what goes wrong is told to the zoo."""
    from ainimal_zookeeper.recording import StepRecorder

    uploads.start()
    failure = folder = None
    try:
        folder = uploads.folder = make_folder()
        size = sum(kept.size_bytes for kept in remembered.steps)
        recorder = StepRecorder(
            remembered.plan.channels,
            uploads.keep,
            folder=folder,
            timeline=remembered.steps[0].timeline,
            tail_s=None,
            max_backlog_bytes=max(64 << 20, 4 * size),
            rare=remembered.plan.rare,
        )
        uploads.dropped_before = lambda: recorder.dropped_steps
        try:
            events = deque(remembered.events)
            for kept in remembered.steps:
                while events and (events[0][1], events[0][0]) < (kept.timeline, kept.step):
                    step, timeline, kind, data = events.popleft()
                    recorder.timeline = timeline
                    recorder.event(step, kind, data)
                recorder.timeline = kept.timeline
                try:
                    recorder.take_at(kept.step, kept.time_ns, kept.values, kept.rare)
                except ZookeeperError:
                    values, rare, _ = remembered.plan.fitting(kept.values, kept.rare)
                    recorder.take_at(kept.step, kept.time_ns, values, rare)
        finally:
            recorder.close()
    except Exception as error:  # noqa: BLE001 - whoever asked is told, whatever it is
        code = error.code if isinstance(error, ZookeeperError) else Transient.code
        failure = {"code": code, "message": first_line(error)}
    uploads.seal(failure)
    uploads.wait(_LONGEST_S)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else dict(value) if isinstance(value, Mapping) else value


def _size(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes + _OVERHEAD
    return (len(value) if isinstance(value, str) else 32) + _OVERHEAD // 4
