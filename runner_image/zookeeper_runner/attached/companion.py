"""Companion: the runner that goes along with a script, which steps itself and calls in between any two steps."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from ainimal_zookeeper.attachment import warn_once
from ainimal_zookeeper.domain.errors import InvalidTransition, UserCodeFault, ZookeeperError
from ainimal_zookeeper.models.agent import Agent

from ..console import Console, Lines
from ..fault import first_line, user_traceback
from ..link import Link
from ..runner import Runner
from ..session import End, Leave
from ..stage import Stage
from .reach import Introduction
from .script import Script, ScriptStage
from .steps import Steps

_BEAT_S = 0.25
_ORPHAN_S = 300.0  # without an answer of the zoo: a zoo that is started again finds its scripts
_CLOSE_S = 5.0  # at most, for another thread that is within a step
_ENDS = {End.FENCED, End.ORPHANED}


class Companion(Runner):
    """One attempt that a script makes. Whatever of the zoo fails in it ends the company, and not the script.

    `turn` is held by whoever is within a step or `log`: scripts may have threads.
    """

    def __init__(self, introduced: Introduction, link: Link, launch: Mapping[str, Any]) -> None:
        cadence = {**launch["settings"], "orphanSeconds": _ORPHAN_S}
        super().__init__(introduced.settings, link, {**launch, "settings": cadence}, Console(Lines()))
        self.agent = Agent(_never)
        self.script = Script(self._session, self.agent, self._warn)
        self.turn = threading.RLock()
        self._introduced = introduced
        self.present = True  # whether the zoo is to be told of steps
        self._composed: ScriptStage | None = None
        self._parted = threading.Event()
        self._switch_interval = sys.getswitchinterval()
        self._process = os.getpid()
        self._raised: BaseException | None = None
        self._hook: Callable[[], None] = _nothing

    # --- the beginning -----------------------------------------------------------------------------------------------

    def meet(self) -> None:
        """Begins to report, and to listen; from now on the script's end is told as well."""
        self._session.enter("waiting for the first step of its script")
        if self._introduced.is_here:
            self._open()
        self._reporter.start()
        threading.Thread(target=self._beat, name="zoo-beat", daemon=True).start()
        atexit.register(self.part)
        self._hook = _tell_of_crashes(self)
        forgetful = weakref.ref(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _forget(forgetful))

    @property
    def stopping(self) -> bool:
        return self._session.termination_asked and self._process == os.getpid()

    def begin(self) -> None:
        """Puts together what the script has given so far, before its first step. What comes later is added."""
        if self._composed is not None or not self.present:
            return
        self._composed = ScriptStage(
            self.script,
            self.agent,
            render=self.script.render,
            describe=self.script.describe,
            parameters=self._launch.get("parameters") or {},
            world=self.script.world,
            script=self.script,
        )
        with self._guarded():
            loop = self._compose(self._composed)
            self.look_again()
            self.script.learns(self._learnt)
            loop.start()
            loop.attend()

    def steps_of(self, env: Any) -> Steps:
        """Returns the zoo's part of the steps of an environment."""
        return Steps(
            env,
            self.script,
            self._arrows,
            self._journal,
            self._bell,
            turn=self.turn,
            begin=self.begin,
            attend=self.attend,
            leave=self.leave,
        )

    def look_again(self) -> None:
        """The script has given more to watch, or to save with."""
        if self._composed is not None:
            self._session.can_go_back(self.agent.can.load is not None)
            if self._saver is not None:
                self._saver.look_again()
            self._described = False

    # --- between two steps -------------------------------------------------------------------------------------------

    def log(self, numbers: Mapping[str, float], step: int | None) -> None:
        """Takes what the script logs; without an environment a step has ended with it. Raises as `attend`."""
        self.begin()
        stepping = self.script.world is None
        if stepping:
            self._journal.counters.step = self.script.counted(step)
        self._journal.learnt(numbers)
        if not stepping:
            return
        moment = self._journal.moment
        moment.inputs, moment.outputs, moment.step = {}, {}, self._journal.counters.step
        moment.overridden = self._arrows.overridden
        moment.version += 1
        for sink in self._arrows.sinks:
            if sink.active:
                sink.took({}, {}, None, None, False, False)
        self._learnt()
        self._look_up()
        self._arrows.clear()
        if self.present and self._arrows.changing:
            with self._guarded():
                self._arrows.begin(moment.step + 1)
                self._arrows.answered()

    def _learnt(self) -> None:
        """The script has changed its weights, or may have: the rules on them hold all the same."""
        if self.present and self._arrows.changing:
            with self._guarded():
                self._arrows.learnt()

    def _look_up(self) -> None:
        if self._bell.rung:
            self.attend()

    def attend(self) -> None:
        """Does what is desired: shows, saves, goes back, and holds the script while it is paused.

        Raises what the script's own functions have raised and could not be made good, and an interrupt.
        """
        loop = self._loop
        if loop is None or not self.present:
            return
        with self._guarded():
            if self._session.ending is None:
                loop.attend()
            else:
                self._wind_down()
        raised, self._raised = self._raised or self.script.take_interrupt(), None
        if raised is not None:
            raise raised

    def _wind_down(self) -> None:
        """It was asked to end, and the script goes on until it looks: what it does is still shown."""
        self._bell.answer()
        self._journal.flush()
        self._gather()
        self._signals.serve()
        if self._session.ending in _ENDS:
            self.leave(self._session.ending.value)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Keeps from the script what fails of the zoo."""
        try:
            with self.script.unnoticed():
                yield
        except Leave:
            if self._session.ending in _ENDS:
                self.leave(self._session.ending.value)
        except UserCodeFault as fault:
            # Its own `load` has left it neither what it was nor what it was to be: that is for it to see.
            self._raised = self.script.broken or fault
            self.part(self._raised)
        except Exception as error:  # noqa: BLE001 - the script is its user's and goes on
            self.leave(error)

    def tell(self, message: str) -> None:
        """Tells whoever started the script, and the people of the zoo."""
        warn_once(message)
        self._warn(message)

    def leave(self, why: str | Exception) -> None:
        """Lets the script go on alone."""
        if self.present:
            self.present = False
            said = why if isinstance(why, str) else str(why) if isinstance(why, ZookeeperError) else first_line(why)
            warn_once(f"this script goes on without the zoo: {said}")
            self._let_go()

    def _beat(self) -> None:
        """Counts the speed, and has the script look up now and then."""
        while not self._parted.wait(_BEAT_S):
            self._session.sample()
            if self._session.working:
                self._bell.ring()

    # --- the end -----------------------------------------------------------------------------------------------------

    def part(self, error: BaseException | None = None) -> None:
        """Says how the script has ended, of `error` or by itself. Idempotent; nothing in a forked process."""
        if self._process != os.getpid():
            return
        taken = self.turn.acquire(timeout=_CLOSE_S)
        try:
            if self._parted.is_set():
                return
            self._parted.set()
            self.present = False
            atexit.unregister(self.part)
            self._hook()
            with contextlib.suppress(Exception):
                self._say_how(error)
                self._part()
            self._let_go()
            self._hang_up()
            sys.setswitchinterval(self._switch_interval)
        finally:
            if taken:
                self.turn.release()

    def _let_go(self) -> None:
        """Leaves the script's model as it is without the zoo: no rule stands on it, and nothing hangs on it."""
        stage = self._composed
        with contextlib.suppress(Exception):
            if stage is not None and stage.overrides is not None:
                stage.overrides.heed({**self._session.wanted()[0], "overrides": []})
        with contextlib.suppress(Exception):
            self.script.close()

    def _hang_up(self) -> None:
        """Leaves no connection open: the script may have long to live."""
        if self._listening is not None and self._live_starts.acquire(blocking=False):
            self._listening.close()  # nobody has begun to answer there
        self._link.close()

    def _say_how(self, error: BaseException | None) -> None:
        session = self._session
        if error is None or isinstance(error, (KeyboardInterrupt, SystemExit)):
            session.end(End.DONE)
            return
        known = isinstance(error, ZookeeperError)
        trace = error.traceback if isinstance(error, UserCodeFault) else user_traceback(error)
        self._failed(UserCodeFault.code, str(error) if known else first_line(error), trace)

    def _last_words(self) -> None:
        if self._session.failure is None:
            self._session.terminated()
        super()._last_words()

    def _begin(self, stage: Stage) -> None:
        """The script begins by itself."""

    def forget(self) -> None:
        """This is another process, which has no place in the zoo."""
        self.present = False
        self._bell.rung = False
        self.turn = threading.RLock()


def begin(introduced: Introduction, link: Link, launch: Mapping[str, Any]) -> Any:
    """Returns the run of a script whose instance is claimed."""
    from .run import AttachedRun

    companion = Companion(introduced, link, launch)
    companion.meet()
    return AttachedRun(companion, introduced)


def _never(_inputs: Any) -> Any:
    raise InvalidTransition("a script makes its own forward passes")


def _forget(reference: weakref.ref[Companion]) -> None:
    companion = reference()
    if companion is not None:
        companion.forget()


def _tell_of_crashes(companion: Companion) -> Callable[[], None]:
    """Lets an exception that ends the script be told, after it was printed as always; returns what undoes that."""
    before = sys.excepthook
    reference = weakref.ref(companion)

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)
        ended = reference()
        if ended is not None:
            ended.part(error)

    def undo() -> None:
        if sys.excepthook is hook:
            sys.excepthook = before

    sys.excepthook = hook
    return undo


def _nothing() -> None:
    return None
