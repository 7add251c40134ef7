"""The loop: what the step thread does next, decided anew whenever the bell has rung."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from ainimal_zookeeper.domain.documents import Desired, Mode

from .journal import Journal
from .pace import Pace
from .session import End, Leave, Session
from .signals import Signals

NOTHING_TO_LEARN_FROM = "nothing to learn from yet: switch inference on, so that it gathers experience"
CANNOT_LEARN = "it does not learn: the model has no train"


class Body(Protocol):
    """What acts and learns. All methods are called in the step thread."""

    @property
    def can_learn(self) -> bool: ...

    @property
    def has_past(self) -> bool:
        """Whether there is something to learn from without acting."""
        ...

    def begin(self) -> None:
        """Starts an episode."""
        ...

    def ready(self, mode: Mode, /) -> bool:
        """Tells whether `act` has something to act on."""
        ...

    def act(self, mode: Mode, /) -> None:
        """Makes at least one step, and goes on until the bell rings."""
        ...

    def relearn(self) -> None:
        """Learns from what is kept until the bell rings."""
        ...

    def cut(self) -> None:
        """Ends the trajectory: what comes next does not follow from what was."""
        ...


class Keeping(Protocol):
    """Who saves what the body has become, between two steps. All methods are called in the step thread."""

    def due(self, desired: Desired, /) -> bool:
        """Tells whether `save` has something to do."""
        ...

    def wait_s(self) -> float | None:
        """Returns in how many seconds time alone makes it due."""
        ...

    def save(self, desired: Desired, /) -> None: ...

    @property
    def busy(self) -> bool:
        """Whether a state is on its way to where it is kept."""
        ...

    def went_back(self) -> None:
        """The body has become what it was at another step."""
        ...


class GoingBack(Protocol):
    """Who puts a checkpoint into the body, between two steps. All methods are called in the step thread."""

    def heed(self, desired: Desired, /) -> None:
        """Gets what is asked for, without waiting for it."""
        ...

    @property
    def ready(self) -> bool:
        """Whether `restore` has something to do."""
        ...

    def restore(self) -> bool:
        """Returns whether the body has become something else."""
        ...


class Driven(Protocol):
    """Who may drive in place of the model. All methods are called in the step thread."""

    def attend(self, desired: Desired, /) -> None:
        """Decides who acts from the next step on."""
        ...

    @property
    def halted(self) -> bool:
        """Whether everything stands still until the driver is heard of."""
        ...

    @property
    def rate(self) -> float | None:
        """Steps per second while somebody drives and no rate is asked for; None while nobody does."""
        ...


class Ruled(Protocol):
    """Who lets rules stand on signals, between two steps. All methods are called in the step thread."""

    def heed(self, desired: Desired, /) -> float | None:
        """Lets stand what is desired; returns in how many seconds one expires by time alone, None where none does."""
        ...


class Recording(Protocol):
    """Who records steps, from between two of them on. All methods are called in the step thread."""

    def heed(self, desired: Desired, /) -> None:
        """Begins and ends what is asked for."""
        ...


class Loop:
    """Makes what is desired happen, at the end of the current step or train call, and says so at once.

    `on_mode` is called at each change of mode; `begin` once, instead of the body's, where something is put back first.
    """

    def __init__(
        self,
        session: Session,
        signals: Signals,
        journal: Journal,
        body: Body,
        *,
        on_mode: Callable[[bool, bool], None] | None,
        refuse: Callable[[str, str], None] | None,
        gather: Callable[[], None],
        keeping: Keeping,
        going_back: GoingBack,
        driving: Driven | None = None,
        ruled: Ruled | None = None,
        recording: Recording | None = None,
        begin: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._signals = signals
        self._journal = journal
        self._body = body
        self._on_mode = on_mode
        self._refuse = refuse
        self._gather = gather
        self._keeping = keeping
        self._going_back = going_back
        self._driving = driving
        self._ruled = ruled
        self._recording = recording
        self._begin = begin or body.begin
        self._clock = clock
        self._pace = Pace()
        self._mode: Mode | None = None
        self._paused = False
        self._rested_at = 0
        desired, _ = session.wanted()
        first = session.attempt == 1
        # Whoever paused, stepped or reset an earlier attempt did not mean this one.
        self._steps_made = 0 if first else desired["steps"]
        self._resets_made = 0 if first else desired["resets"]
        self._began = False

    def run(self) -> None:
        """Returns never: raises Leave when the attempt ends, or the fault of user code."""
        self.start()
        while True:
            mode, acts = self.attend()
            if acts:
                self._body.act(mode)
            else:
                self._body.relearn()

    def start(self) -> None:
        """Begins; from then on `attend` stands between any two steps. Raises: as `run`."""
        self._session.working = True
        self._begin()

    def attend(self) -> tuple[Mode, bool]:
        """Applies what is desired, and returns when there is something to do: the mode, and whether to act or to learn.

        Whoever steps comes back as soon as the bell has rung. Raises: as `run`.
        """
        mode, acts, single = self._attend()
        self._session.working = True
        if single:
            self._session.bell.ring()  # whoever rings makes the body return after one step
        return mode, acts

    def idle(self) -> None:
        """Called by whatever waits for others in the middle of a step. Raises: Leave when the attempt ends."""
        self._session.counters.waits += 1
        if self._session.ending is not None or self._session.termination_asked:
            raise Leave
        self._going_back.heed(self._session.wanted()[0])
        self._signals.serve()

    def _attend(self) -> tuple[Mode, bool, bool]:
        """Applies what is desired; returns when there is something to do: mode, act or learn, only one step."""
        session, bell = self._session, self._session.bell
        while True:
            bell.answer()
            if session.ending is not None:
                raise Leave
            desired, generation = session.wanted()
            if desired["phase"] == "TERMINATED":
                session.end(End.ASKED)
                raise Leave
            if self._driving is not None:
                self._driving.attend(desired)
            expires_s = None if self._ruled is None else self._ruled.heed(desired)
            self._apply(desired)
            wait_s, acts, single, stage = self._next(desired)
            if not self._began and wait_s == 0.0:
                # The first step comes before all reports: then RUNNING means that it runs.
                self._began = True
                if acts:
                    self._count_step()
                return desired["mode"], acts, True
            session.apply("PAUSED" if self._paused else "RUNNING", generation)
            session.enter(stage)
            self._journal.flush()
            self._gather()
            self._signals.serve()
            self._going_back.heed(desired)
            # What is on its way is of this timeline: it is told before the next one begins.
            if self._going_back.ready and not self._keeping.busy:
                self._go_back()
                continue
            if self._recording is not None:
                self._recording.heed(desired)
            if self._keeping.due(desired):
                self._keeping.save(desired)
                continue  # what was asked meanwhile is applied before the next step
            if wait_s == 0.0:
                if acts:
                    self._count_step()
                return desired["mode"], acts, single
            session.working = False
            if self._paused and session.counters.step != self._rested_at:
                self._rested_at = session.counters.step
                session.rested()
            times = (wait_s, self._keeping.wait_s(), expires_s)
            bell.wait(min((each for each in times if each is not None), default=None))

    def _go_back(self) -> None:
        if self._going_back.restore():
            self._keeping.went_back()
            self._mode = None  # what it has become may have been saved in another mode: it is told which one holds
            self._pace.restart(self._clock())

    def _count_step(self) -> None:
        self._pace.stepped(self._clock())
        if self._paused:
            self._steps_made += 1

    def _apply(self, desired: Desired) -> None:
        mode = desired["mode"]
        if mode != self._mode:
            if self._mode is not None and mode["training"] != self._mode["training"]:
                self._body.cut()
            self._mode = mode
            if self._on_mode is not None:
                self._on_mode(mode["training"], mode["inference"])
        driving = self._driving
        paused = desired["phase"] == "PAUSED" or (driving is not None and driving.halted)
        if self._paused and not paused:
            self._pace.restart(self._clock())
            self._steps_made = desired["steps"]
        self._paused = paused
        if desired["resets"] > self._resets_made:
            self._resets_made = desired["resets"]
            self._session.working = True
            self._body.begin()
        driven = None if driving is None else driving.rate
        self._pace.set(driven if desired["rate"] is None else desired["rate"], self._clock())

    def _next(self, desired: Desired) -> tuple[float | None, bool, bool, str | None]:
        """Returns how long to wait (None: until the bell rings), act or learn, only one step, and what to say."""
        mode = desired["mode"]
        if self._paused and self._refuse is not None:
            self._refuse("INVALID_TRANSITION", "the instance is paused; resume it to ask the model")
        only_learns = mode["training"] and not mode["inference"] and self._body.can_learn
        stage = CANNOT_LEARN if mode["training"] and not self._body.can_learn else None
        if self._paused and (self._steps_made >= desired["steps"] or only_learns):
            return None, False, False, stage
        if only_learns:
            return (0.0, False, False, None) if self._body.has_past else (None, False, False, NOTHING_TO_LEARN_FROM)
        if mode["training"] and not mode["inference"]:
            return None, False, False, stage
        if not self._body.ready(mode):
            return None, False, False, stage
        if self._paused:
            return 0.0, True, True, stage
        wait_s = self._pace.wait_s(self._clock())
        return wait_s, True, self._pace.rate is not None, stage
