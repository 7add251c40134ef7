"""Tape: one recording on request, from its first step to its last."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.domain.errors import InvalidInput, Transient, ZookeeperError

from ..arrows import Arrows
from ..fault import first_line
from ..session import Session
from .plan import Plan, Sources, flags_of
from .uploads import Bucket, Uploads

if TYPE_CHECKING:
    from ainimal_zookeeper.recording import StepRecorder

_LONGEST_S = 3600.0  # that a bucket may be away before what waits for it is forgotten
WEIGHTS_S = 10.0  # between two copies of weights that change

Warn = Callable[[str], None]


class Tape:
    """Takes every step (`arrows.StepSink`) from its making to `stop`. Step thread only, but for `wait`.

    signals: what is recorded, weights among it, which are copied now and then. weights: returns those as they are.
    """

    active = True

    def __init__(
        self,
        recording_id: str,
        signals: Sequence[SignalDoc],
        session: Session,
        arrows: Arrows,
        bucket: Bucket,
        sources: Sources,
        weights: Callable[[], Mapping[str, Any]] | None,
        warn: Warn,
        clock: Callable[[], float],
        folder: Path | None = None,
    ) -> None:
        """`folder`: where objects wait to be sent; None: one of its own. Raises: Transient without room on the disk."""
        self.id = recording_id
        self._signals = signals
        self._session = session
        self._arrows = arrows
        self._sources = sources
        self._weights = weights
        self._warn = warn
        self._clock = clock
        self._timeline = session.timeline
        self._folder = folder or make_folder()
        self._plan: Plan | None = None
        self._recorder: StepRecorder | None = None
        self._events: list[tuple[int, str, Mapping[str, Any]]] = []  # from before the first step
        self._first = False
        self._driver: str | None = None
        self._refused: set[str] = set()
        self._problem: str | None = None
        self._lost_steps = 0
        self._copied_at: float | None = None
        self._copied_step: int | None = None  # there is one copy of a step
        self._trained = -1
        self._initial = self._copied_weights()  # before the first step: some models hold what forward changes
        paths = [signal["path"] for signal in signals]
        begun = {"signals": paths, "step": session.counters.step + 1, "timeline": session.timeline}
        self._uploads = Uploads(recording_id, bucket, begun)
        self._uploads.dropped_before = self._dropped
        self._uploads.folder = self._folder
        self._uploads.start()

    # --- steps -------------------------------------------------------------------------------------------------------

    def took(
        self, inputs: Any, outputs: Any, action: Any, reward: Any, terminated: Any, truncated: Any, final: Any = None
    ) -> None:
        try:
            self._take(inputs, outputs, action, reward, terminated, truncated, final)
        except Exception as error:  # noqa: BLE001 - what is recorded must not end what runs
            self._lost_steps += 1
            self._complain(f"steps of it cannot be recorded: {first_line(error)}")

    def _take(
        self, inputs: Any, outputs: Any, action: Any, reward: Any, terminated: Any, truncated: Any, final: Any
    ) -> None:
        step, arrows = self._session.counters.step, self._arrows
        plan, recorder = self._plan, self._recorder
        if plan is None or recorder is None:
            plan, recorder = self._begin((inputs, outputs, action, reward))
        driver = arrows.driver
        if driver != self._driver:
            self._driver = driver
            recorder.event(step - 1, "driver", {"driver": driver})
        flags = flags_of(
            terminated,
            truncated,
            overridden=bool(arrows.overridden),
            driven=driver is not None,
            first=self._first,
        )
        self._first = False
        values, rare = plan.values(flags, inputs, outputs, action, reward), plan.rare_values(final, arrows.patched)
        try:
            recorder.take(step, values, rare)
        except InvalidInput:
            kept, kept_rare, refused = plan.fitting(values, rare)
            recorder.take(step, kept, kept_rare)
            self._refuse(refused)

    def began(self) -> None:
        self._first = True

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Something has happened after the step that was made last."""
        step = self._session.counters.step
        if self._recorder is None:
            self._events.append((step, kind, dict(data)))
        else:
            self._recorder.event(step, kind, data)

    def look(self) -> bool:
        """Comes between two steps, a few times a second: another timeline, weights, and what is wrong.

        Returns whether there is any use in going on.
        """
        recorder = self._recorder
        if recorder is None and self._session.timeline != self._timeline:
            self._timeline, self._initial = self._session.timeline, self._copied_weights()
        if recorder is not None and self._session.timeline != self._timeline:
            recorder.timeline = self._timeline = self._session.timeline
            recorder.event(self._session.counters.step, "restored", {"timeline": self._timeline})
        if recorder is not None:
            self._copy_weights(recorder, self._session.counters.step)
            if recorder.problem is not None:
                self._complain(recorder.problem)
        if self._uploads.given_up is not None:
            self._complain(f"it is not kept any more: {self._uploads.given_up}")
            return False
        return True

    # --- the end -----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Takes no more steps; writing and sending what is left is another thread's."""
        self.active = False
        if self in self._arrows.sinks:
            self._arrows.sinks.remove(self)
        threading.Thread(target=self._finish, name="zoo-recording-end", daemon=True).start()

    def wait(self, patience_s: float) -> bool:
        """Waits until all has arrived, or is given up. Returns whether it is."""
        return self._uploads.wait(patience_s)

    def abandon(self) -> None:
        """Nothing more is sent: nobody takes it."""
        self._uploads.abandon()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _begin(self, step: tuple[Any, Any, Any, Any]) -> tuple[Plan, StepRecorder]:
        from ainimal_zookeeper.recording import StepRecorder

        plan = self._plan = Plan(self._signals, self._sources, step)
        for why in plan.left_out.values():
            self._warn(f"the recording {self.id} leaves something out: {why}")
        self._timeline = self._session.timeline
        recorder = self._recorder = StepRecorder(
            plan.channels, self._uploads.keep, folder=self._folder, timeline=self._timeline, rare=plan.rare
        )
        for at, kind, data in self._events:
            recorder.event(at, kind, data)
        self._events.clear()
        if self._initial is not None:
            self._copied_at, self._trained = self._clock(), self._session.counters.trained
            self._copied_step = self._session.counters.step - 1
            recorder.weights(self._copied_step, self._initial)
            self._initial = None
        return plan, recorder

    def _copied_weights(self) -> dict[str, Any] | None:
        if self._weights is None:
            return None
        try:
            return {name: np.array(tensor) for name, tensor in self._weights().items()}
        except Exception as error:  # noqa: BLE001 - whatever an author's object answers, the rest is recorded
            self._complain(f"weights cannot be recorded: {first_line(error)}")
            return None

    def _copy_weights(self, recorder: StepRecorder, step: int) -> None:
        """Copies weights as they are after `step` where the model has learnt since, not too often."""
        if self._weights is None:
            return
        trained, now = self._session.counters.trained, self._clock()
        if self._copied_at is not None and (trained == self._trained or now - self._copied_at < WEIGHTS_S):
            return
        if step == self._copied_step:
            return
        self._copied_at, self._copied_step, self._trained = now, step, trained
        try:
            recorder.weights(step, self._weights())
        except Exception as error:  # noqa: BLE001 - whatever an author's object answers, the rest is recorded
            self._complain(f"weights cannot be recorded: {first_line(error)}")

    def _refuse(self, paths: Sequence[str]) -> None:
        fresh = [path for path in paths if path not in self._refused]
        self._refused.update(fresh)
        for path in fresh:
            self._warn(f"the recording {self.id} leaves out values of {path} that are not as the first one was")

    def _complain(self, problem: str) -> None:
        """Tells people, once while it stays the same."""
        if problem != self._problem:
            self._problem = problem
            self._warn(f"the recording {self.id}: {problem}")

    def _dropped(self) -> int:
        return self._lost_steps + (0 if self._recorder is None else self._recorder.dropped_steps)

    def _finish(self) -> None:
        failure = None
        try:
            if self._recorder is not None:
                self._recorder.close()
        except Exception as error:  # noqa: BLE001 - it ends with what there is, and says why it is less
            code = error.code if isinstance(error, ZookeeperError) else Transient.code
            failure = {"code": code, "message": first_line(error)}
        self._uploads.seal(failure)
        self._uploads.wait(_LONGEST_S)
        shutil.rmtree(self._folder, ignore_errors=True)


def make_folder() -> Path:
    """Returns a new folder for what waits to be sent. Raises: Transient."""
    try:
        return Path(tempfile.mkdtemp(prefix="ainimal-recording-"))
    except OSError as error:
        raise Transient(f"there is no room to record to: {error}") from error
