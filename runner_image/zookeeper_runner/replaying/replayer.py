"""Replayer: a body that makes the steps of a recording once more and compares each with what was recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ainimal_zookeeper.domain.documents import Mode, ReplayReport
from ainimal_zookeeper.domain.recordings import FIRST

from ..acting import Actor
from ..bell import Bell
from ..journal import Journal
from ..session import Leave
from .comparison import Comparison
from .driver import RecordedDriver
from .imposing import Imposing
from .tape import Tape
from .world import NAME, RecordedWorld

_TOLD_EVERY = 1_000  # steps


class Replayer:
    """Lets `actor` act, and stands at its arrows (`arrows.StepSink`) to see what comes of each step.

    world: what was recorded in the place of an environment; None where one steps. on_mode: the model's, called
    where the mode changed in the record. tell: gets the report now and then, and at the end. done: told before it
    leaves. ends: whether it is to leave before.
    """

    has_past = False  # what it learns from comes step by step, as it did then
    active = True

    def __init__(
        self,
        actor: Actor,
        journal: Journal,
        bell: Bell,
        tape: Tape,
        *,
        world: RecordedWorld | None,
        driver: RecordedDriver,
        imposing: Imposing,
        comparison: Comparison,
        on_mode: Callable[[bool, bool], None] | None,
        tell: Callable[[ReplayReport], None],
        done: Callable[[], None],
        ends: Callable[[], bool],
        warn: Callable[[str], None],
    ) -> None:
        self.driver = driver
        self.tape = tape
        self._actor = actor
        self._journal = journal
        self._bell = bell
        self._world = world
        self._imposing = imposing
        self._comparison = comparison
        self._on_mode = on_mode
        self._tell = tell
        self._done = done
        self._ends = ends
        self._warn = warn
        self._mode: Mode | None = None
        self._overs = 0

    @property
    def can_learn(self) -> bool:
        return self._actor.can_learn

    def ready(self, _mode: Mode) -> bool:
        """There always is something to act on, or to end with."""
        return True

    def begin(self) -> None:
        """An episode begins where one did when it was recorded, and nowhere else."""

    def cut(self) -> None:
        """Trajectories end where they did, and nowhere else."""

    def relearn(self) -> None:
        """It learns without acting where it did, in `act`."""

    def snapshot(self) -> dict[str, Any]:
        return self._actor.snapshot()

    def put_back(self, kept: Mapping[str, Any] | None, become: Callable[[], None]) -> list[str]:
        """Winds the tape to what follows the checkpoint, and becomes what that holds."""
        counters, tape = self._journal.counters, self.tape
        asked = counters.step
        told = [] if tape.wind(asked + 1) else [
            f"step {asked + 1:,} was not recorded: it begins with step {tape.first:,}, whatever the checkpoint led to"
        ]  # fmt: skip
        counters.step = tape.first - 1
        whole = {
            "episodeStep": 0,
            "episodeReturn": 0.0,
            "trainer": None,
            "journal": self._journal.snapshot(),
            **(kept or {}),
        }
        if self._world is not None:
            self._world.set_state(tape.first)
            observation = self._world.seen(tape.first)
            whole |= {"world": {"name": NAME, "state": tape.first}, "observation": observation}
            self._actor.put_back(whole, become)
        elif kept is None or "world" not in kept:
            self._actor.put_back(None, become)
        else:
            told += self._actor.put_back(kept, become)
        if tape.flags(tape.first) & FIRST and whole["episodeStep"]:
            self._actor.begin()
        if tape.ends_early is not None:
            told.append(tape.ends_early)
        self._imposing.wind()
        return told

    def act(self, mode: Mode) -> None:
        """Makes steps up to the next one before which something changed. Raises: Leave at the end."""
        counters, tape = self._journal.counters, self.tape
        step = counters.step + 1
        if step > tape.last:
            self._finish()
        if tape.cut_before(step):
            self._actor.begin()
        self._follow_events(step)
        if self._comparison.first is None:
            self._comparison.between(step - 1)
            self._tell_difference()
        self._imposing.before(step)
        self._actor.act(self._mode or mode)

    def took(
        self, inputs: Any, outputs: Any, action: Any, reward: Any, terminated: Any, truncated: Any, _final: Any = None
    ) -> None:
        """Compares a step, and sees to it that what changed after it is seen to before the next."""
        step = self._journal.counters.step
        comparison, tape = self._comparison, self.tape
        identical = comparison.first is None
        comparison.take(step, inputs, outputs, action, reward, (terminated, truncated))
        if identical and comparison.first is not None:
            self._tell_difference()
        elif step % _TOLD_EVERY == 0:
            self._tell(comparison.report)
        if step >= tape.last or self._is_followed(step):
            self._bell.ring()

    def began(self) -> None:
        """An episode begins with the next step."""

    def _tell_difference(self) -> None:
        first = self._comparison.first
        if first is not None:
            self._tell(self._comparison.report)
            where = f"step {first['step']:,}: {first['path']}"
            self._warn(f"{where} is not what was recorded, by {first['magnitude']:g}")

    def _is_followed(self, step: int) -> bool:
        """Tells whether there is something to see to between `step` and the next."""
        tape = self.tape
        return bool(tape.events(step)) or tape.cut_before(step + 1) or tape.has_weights(step) or (
            self._imposing.due(step + 1)
        )  # fmt: skip

    def _follow_events(self, step: int) -> None:
        """Heeds what was told of the step before `step`, but for rules, which others see to."""
        tape, moment = self.tape, self._journal.moment
        before = tape.events(step - 1)
        for event in before:
            data = event["data"]
            if event["kind"] == "mode":
                self._change_mode({"training": bool(data["training"]), "inference": bool(data["inference"])})
            elif event["kind"] == "learnt":
                self._learn_again(int(data["calls"]))
            elif event["kind"] == "driver":
                if step == tape.first:
                    self.driver.begin_with(data.get("driver"))
                else:
                    self.driver.pass_over(data.get("driver"), moment.action)

    def _learn_again(self, calls: int) -> None:
        for _ in range(calls):
            if self._ends():
                raise Leave
            if self._actor.has_past:
                self._actor.relearn_once()

    def _change_mode(self, mode: Mode) -> None:
        if self._mode is not None and mode["training"] != self._mode["training"]:
            self._actor.cut()
        if mode != self._mode and self._on_mode is not None:
            self._on_mode(mode["training"], mode["inference"])
        self._mode = mode

    def _finish(self) -> None:
        self._follow_events(self.tape.last + 1)
        if self._comparison.first is None:
            self._comparison.between(self.tape.last)
            self._tell_difference()
        self._tell(self._comparison.report)
        self._done()
        raise Leave
