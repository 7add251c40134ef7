"""Session: the state of this attempt, as the step thread makes it and the other threads tell it.

What is desired arrives here from every side (link, live link); the newest generation wins. What is applied, and when,
is said by the step thread alone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import Any, cast

from ainimal_zookeeper.domain.documents import (
    FINAL_PHASES,
    CheckpointPoint,
    ControlAnswer,
    Desired,
    Failure,
    Manifest,
    OverrideAnswer,
    Phase,
    ReplayReport,
    Stats,
)
from ainimal_zookeeper.domain.events import EventKind
from ainimal_zookeeper.domain.lifecycle import Report, timestamp

from .bell import Bell
from .history import plain_number
from .settings import Cadence

_RATE_WINDOW_S = 3.0


class End(Enum):
    """Why an attempt ends."""

    ASKED = "asked to terminate"
    DONE = "its script has ended"
    REPLAYED = "what was recorded has been done once more"
    SIGNAL = "asked to leave by a signal"
    FENCED = "another attempt runs, or the instance has ended"
    ORPHANED = "the zoo does not answer any more"
    FAULT = "user code failed"
    SPOILT = "it could not become what it was to go back to"


class Leave(Exception):
    """The attempt ends now."""


@dataclass(slots=True)
class Counters:
    """Written by the step thread only; readable by all."""

    step: int = 0
    episode: int = 0
    trained: int = 0  # calls of train
    waits: int = 0  # signs of life while waiting for others in the middle of a step
    episode_return: float | None = None  # of the last finished episode
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt is: steps and episodes are counted within a timeline."""

    timeline: int
    step: int
    episode: int


class Session:
    """One attempt. Thread-safe."""

    def __init__(self, launch: Mapping[str, Any], bell: Bell) -> None:
        self.launch = launch
        self.instance_id: str = launch["instanceId"]
        self.attempt: int = launch["attempt"]
        self.timeline: int = launch["timeline"]
        self.kind: str = launch["kind"]
        self.cadence = Cadence.from_launch(launch.get("settings") or {})
        self.bell = bell
        point = launch.get("checkpoint")
        self.counters = Counters() if point is None else Counters(step=point["step"], episode=point["episode"])
        self.has_checkpoint = point is not None  # whether a next attempt would have something to start from
        self.working = False  # whether a step or a train call should be going on
        self.hangs = False  # whether that takes so long that people were told
        self.manifest: Manifest | None = None
        self.manifest_version = 0
        self.live_address: str | None = None
        self.introduced = False  # whether it has been reported that it runs
        self._lock = threading.Lock()
        self._desired = cast("Desired", dict(launch["desired"]))
        self._generation: int = launch["generation"]
        self._phase: Phase = "STARTING"
        self._stage: str | None = "starting"
        self._observed = 0
        self._acknowledged_at: int | None = None
        self._restorable: bool | None = None
        self._lapsed: ControlAnswer | None = None
        self._rules: list[OverrideAnswer] = []
        self._replay: ReplayReport | None = None
        self._failure: Failure | None = None
        self._end: End | None = None
        self._ending_since: float | None = None
        self._events: deque[dict[str, Any]] = deque(maxlen=100)
        self._answers: deque[dict[str, Any]] = deque()
        self._samples: deque[tuple[float, int]] = deque(maxlen=64)
        self._listeners: list[Callable[[bool], None]] = []

    # --- what is desired ---------------------------------------------------------------------------------------------

    def offer(self, desired: Mapping[str, Any], generation: int) -> None:
        """Takes what is desired unless something as new is known already."""
        with self._lock:
            if generation <= self._generation:
                return
            self._desired = cast("Desired", dict(desired))
            self._generation = generation
        if desired["phase"] == "TERMINATED":
            self.end(End.ASKED)  # from here on its grace counts, whatever user code does
        self.bell.ring()

    def wanted(self) -> tuple[Desired, int]:
        """Returns the newest desired state and its generation."""
        with self._lock:
            return self._desired, self._generation

    @property
    def termination_asked(self) -> bool:
        return self.wanted()[0]["phase"] == "TERMINATED"

    # --- what is -----------------------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def stage(self) -> str | None:
        return self._stage

    def enter(self, stage: str | None) -> None:
        """Says in a few words what is going on; None: nothing worth a word."""
        with self._lock:
            if stage == self._stage:
                return
            self._stage = stage
        self._changed(urgent=False)

    def apply(self, phase: Phase, generation: int | None = None) -> None:
        """Acknowledges `generation` at the current step, together with the phase that now holds."""
        with self._lock:
            if phase == self._phase and (generation is None or generation <= self._observed):
                return
            self._phase = phase
            if generation is not None and generation > self._observed:
                self._observed = generation
                self._acknowledged_at = self.counters.step
        self._changed()

    def rested(self) -> None:
        """While paused, the granted steps have been made: where that has led to is told at once."""
        self._changed()

    def describe(self, manifest: Manifest) -> None:
        """Says what was found in the model and the world."""
        self.manifest = manifest
        self.manifest_version += 1
        self._changed()

    def can_go_back(self, in_place: bool) -> None:
        """Says whether a checkpoint can be put back into this process."""
        self._restorable = in_place

    @property
    def place(self) -> Place:
        with self._lock:
            return Place(self.timeline, self.counters.step, self.counters.episode)

    def travel(self, to: Place) -> None:
        """Counts from another place on. Step thread only."""
        with self._lock:
            self.timeline = to.timeline
            self.counters.step, self.counters.episode = to.step, to.episode
            self._samples.clear()

    def introduce(self) -> None:
        """A report has been taken; the first one after the start lets the rest follow."""
        if not self.introduced and self._phase in {"RUNNING", "PAUSED"}:
            self.introduced = True
            self.bell.ring()

    def opened(self, live_address: str) -> None:
        self.live_address = live_address
        self._changed(urgent=False)

    # --- how it ends -------------------------------------------------------------------------------------------------

    @property
    def ending(self) -> End | None:
        return self._end

    @property
    def ending_for_s(self) -> float:
        """Seconds since the end was decided; 0.0 while it is not."""
        return 0.0 if self._ending_since is None else time.monotonic() - self._ending_since

    @property
    def failure(self) -> Failure | None:
        return self._failure

    def end(self, reason: End) -> None:
        """Decides that the attempt ends. The first reason stays."""
        with self._lock:
            if self._end is not None:
                return
            self._end = reason
            self._ending_since = time.monotonic()
            if self._phase not in {"TERMINATED", "FAILED"}:
                self._phase = "STOPPING"
                self._stage = reason.value
        self.bell.ring()
        self._changed()

    def fail(self, code: str, message: str, traceback: str | None) -> None:
        """User code has failed: the attempt ends as FAILED."""
        failure: Failure = {
            "code": code,
            "message": message,
            "traceback": traceback,
            "step": self.counters.step,
        }
        with self._lock:
            self._failure = failure
            self._phase = "FAILED"
            self._stage = None
        self.end(End.FAULT)

    def terminated(self) -> None:
        with self._lock:
            self._phase = "TERMINATED"
            self._stage = None

    # --- what is told ------------------------------------------------------------------------------------------------

    def event(self, kind: EventKind, message: str) -> None:
        """Keeps something that people should know for the next report, which is sent at once."""
        with self._lock:
            self._events.append({"kind": kind, "message": message, "step": self.counters.step})
        self._changed()

    def take_events(self) -> list[dict[str, Any]]:
        with self._lock:
            events = list(self._events)
            self._events.clear()
        return events

    def saved(self, save: Mapping[str, Any], checkpoint: CheckpointPoint | None = None) -> None:
        """Keeps what became of a save for the next report, which is sent at once; without `checkpoint` it failed."""
        with self._lock:
            self._answers.append(
                {"save": dict(save)} if checkpoint is None else {"save": save, "checkpoint": checkpoint}
            )
        self._changed()

    def restored(self, request_id: str) -> None:
        """Keeps, as `saved`, that the timeline has begun which a request asked for. Step thread only."""
        with self._lock:
            self._acknowledged_at = self.counters.step
            self._answers.append({"restored": {"id": request_id, "timeline": self.timeline}})
        self._changed()

    def not_restored(self, request_id: str, code: str, message: str) -> None:
        """Keeps, as `saved`, why it has not gone back as a request asked."""
        with self._lock:
            self._answers.append({"restored": {"id": request_id, "code": code, "message": message}})
        self._changed()

    def lapsed(self, lease_id: str) -> None:
        """Says that a control lease has ended, as nothing was heard of its holder."""
        self._lapsed = {"id": lease_id, "ended": "LAPSED"}
        self._changed()

    def ruled(self, rules: list[OverrideAnswer]) -> None:
        """Says what becomes of the rules that are desired."""
        with self._lock:
            self._rules = [{**each} for each in rules]
        self._changed()

    def replayed(self, report: ReplayReport) -> None:
        """Says how far what it does equals what was recorded."""
        self._replay = report
        self._changed()

    @property
    def has_answers(self) -> bool:
        """Whether there is something of saves or restores that was not told."""
        return bool(self._answers)

    def take_answer(self) -> dict[str, Any]:
        """Returns and forgets what a report says of the oldest save or restore that was not told; nothing without."""
        with self._lock:
            return self._answers.popleft() if self._answers else {}

    def told(self) -> dict[str, Any]:
        """Returns the next report, and forgets the answer that it gives.

        As long as more answers are to come it does not speak of the end, after which nothing is taken.
        """
        with self._lock:
            said: dict[str, Any] = {**self._report()}
            if self._answers:
                said.update(self._answers.popleft())
            if self._answers and said["phase"] in FINAL_PHASES:
                said["phase"] = "STOPPING"
                said.pop("failure", None)
            return said

    def listen(self, listener: Callable[[bool], None]) -> None:
        """Calls `listener` from any thread after each change; with False when only the stage or the address changed."""
        self._listeners.append(listener)

    def sample(self) -> None:
        """Looks at the step count, for the speed; called now and then."""
        self._samples.append((time.monotonic(), self.counters.step))

    def speed(self) -> float:
        """Returns steps per second over the last seconds."""
        now, step = time.monotonic(), self.counters.step
        for at, counted in list(self._samples):
            if now - at <= _RATE_WINDOW_S and now > at:
                return max(0.0, (step - counted) / (now - at))
        return 0.0

    def stats(self) -> Stats:
        counters = self.counters
        return cast(
            "Stats",
            {
                "step": counters.step,
                "episode": counters.episode,
                "stepsPerSecond": round(self.speed(), 3),
                "episodeReturn": None if counters.episode_return is None else plain_number(counters.episode_return),
                "loss": None if counters.loss is None else plain_number(counters.loss),
                "updatedAt": timestamp(datetime.now(timezone.utc)),
            },
        )

    def report(self) -> Report:
        """Returns how it is."""
        with self._lock:
            return self._report()

    def _report(self) -> Report:
        said: Report = {
            "timeline": self.timeline,
            "phase": self._phase,
            "stage": self._stage,
            "observedGeneration": self._observed,
            "acknowledgedAtStep": self._acknowledged_at,
            "liveAddress": self.live_address,
            "stats": self.stats(),
        }
        if self._restorable is not None:
            said["restorable"] = self._restorable and not self.hangs
        if self._lapsed is not None:
            said["control"] = self._lapsed
        if self._rules:
            said["overrides"] = list(self._rules)
        if self._replay is not None:
            said["replay"] = self._replay
        if self._failure is not None:
            said["failure"] = self._failure
        if self.manifest is not None:
            said["previewPaths"] = self.manifest["previewPaths"]
            said["trainable"] = self.manifest["trainable"]
        return said

    def _changed(self, *, urgent: bool = True) -> None:
        for listener in self._listeners:
            listener(urgent)
