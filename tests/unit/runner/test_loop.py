"""The loop makes what is desired happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import Desired, Mode, RestoreRequest, SaveRequest
from zookeeper_runner.bell import Bell
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.loop import CANNOT_LEARN, NOTHING_TO_LEARN_FROM, Loop
from zookeeper_runner.session import End, Leave, Session
from zookeeper_runner.signals import Signals

from tests.fakes.runner_link import launch_of, wanted


class ScriptedBell(Bell):
    """Instead of waiting, and whenever the body looks, the next part of a script happens."""

    __slots__ = ("script", "waits")

    def __init__(self) -> None:
        super().__init__()
        self.script: Iterator[Callable[[], Any]] = iter(())
        self.waits: list[float | None] = []

    def wait(self, seconds: float | None) -> bool:
        self.waits.append(seconds)
        self.next()
        return True

    def next(self) -> None:
        next(self.script)()


class FakeBody:
    """Counts what it is told to do; `act` makes one step if the bell has rung, else steps until the script rings."""

    def __init__(self, session: Session, bell: ScriptedBell, *, can_learn: bool = True) -> None:
        self.done: list[str] = []
        self.can_learn = can_learn
        self.has_past = False
        self.available = True
        self._session = session
        self._bell = bell

    def begin(self) -> None:
        self.done.append("begin")

    def ready(self, mode: Mode) -> bool:
        return self.available

    def act(self, mode: Mode) -> None:
        while True:
            self._session.counters.step += 1
            self.done.append("act" if mode["inference"] else "neutral")
            if self._bell.rung:
                return
            self._bell.next()

    def relearn(self) -> None:
        self.done.append("learn")
        self._bell.next()

    def cut(self) -> None:
        self.done.append("cut")


class FakeKeeping:
    """Saves at each request that has not come before, and lets `meanwhile` happen."""

    def __init__(self, body: FakeBody, session: Session) -> None:
        self.due_in_s: float | None = None
        self.meanwhile: Callable[[], Any] = lambda: None
        self.busy = False
        self.takes_long = False
        self._body = body
        self._session = session
        self._heard: Any = None

    def due(self, desired: Desired) -> bool:
        return bool(desired.get("save") != self._heard)

    def wait_s(self) -> float | None:
        return self.due_in_s

    def went_back(self) -> None:
        self._body.done.append("kept there")

    def save(self, desired: Desired) -> None:
        self._heard = desired.get("save")
        self.busy = self.takes_long
        self._session.working = True
        self._body.done.append("save")
        self.meanwhile()


class FakeGoingBack:
    """Has got what was asked for, once it `arrives`; then the body is at step 3."""

    def __init__(self, body: FakeBody, session: Session) -> None:
        self.heeded: Any = None
        self.ready = False
        self.fits = True
        self._body = body
        self._session = session

    def heed(self, desired: Desired) -> None:
        self.heeded = desired.get("restore")

    def arrives(self) -> None:
        assert self.heeded is not None
        self.ready = True
        self._session.bell.ring()

    def restore(self) -> bool:
        self.ready = False
        self._body.done.append("back" if self.fits else "stays")
        if self.fits:
            self._session.counters.step = 3
        return self.fits


def asked(id: str) -> SaveRequest:
    return {"id": id, "tag": None, "authorId": None}


class Stage:
    def __init__(self, launch: dict[str, Any] | None = None, *, can_learn: bool = True) -> None:
        self.bell = ScriptedBell()
        self.session = Session(launch or launch_of(), self.bell)
        self.signals = Signals(self.bell)
        self.body = FakeBody(self.session, self.bell, can_learn=can_learn)
        self.modes: list[tuple[bool, bool]] = []
        self.keeping = FakeKeeping(self.body, self.session)
        self.going_back = FakeGoingBack(self.body, self.session)
        journal = Journal(self.session, self.signals, History(0))
        self.loop = Loop(
            self.session,
            self.signals,
            journal,
            self.body,
            on_mode=lambda training, inference: self.modes.append((training, inference)),
            refuse=None,
            gather=lambda: None,
            keeping=self.keeping,
            going_back=self.going_back,
            clock=lambda: 0.0,
        )
        self._generation = self.session.wanted()[1]

    def desire(self, desired: Desired) -> Callable[[], None]:
        def offer() -> None:
            self._generation += 1
            self.session.offer(desired, self._generation)

        return offer

    def play(self, *script: Callable[[], Any]) -> list[str]:
        """Runs the loop; after the script the attempt ends. Returns what the body did."""
        self.bell.script = iter([*script, lambda: self.session.end(End.SIGNAL)])
        with pytest.raises(Leave):
            self.loop.run()
        return self.body.done

    @property
    def acknowledged(self) -> tuple[str, int, int | None]:
        report = self.session.report()
        return self.session.phase, report["observedGeneration"], report["acknowledgedAtStep"]


def test_the_first_step_comes_before_the_word_that_it_runs() -> None:
    """RUNNING means that a step was made."""
    stage = Stage()
    seen = []

    stage.play(lambda: seen.append(stage.acknowledged))

    assert stage.body.done[:2] == ["begin", "act"]
    assert seen == [("RUNNING", 1, 1)]


def test_a_pause_takes_effect_at_the_end_of_the_step_and_is_acknowledged_with_it() -> None:
    """Nothing steps while it is paused."""
    stage = Stage()
    seen = []

    done = stage.play(stage.desire(wanted("PAUSED")), lambda: seen.append((stage.acknowledged, stage.session.working)))

    assert seen == [(("PAUSED", 2, 3), False)]
    assert done == ["begin", "act", "act", "act"]


def test_single_steps_are_made_exactly_as_often_as_granted() -> None:
    """Grants are cumulative: 2, then 3 in all."""
    stage = Stage(launch_of(desired=wanted("PAUSED")))
    steps = []

    def look() -> None:
        steps.append(stage.session.counters.step)

    stage.play(
        look,
        stage.desire(wanted("PAUSED", steps=2)),
        look,
        stage.desire(wanted("PAUSED", steps=3)),
        look,
    )

    assert steps == [0, 2, 3]


def test_a_later_attempt_does_not_repeat_old_grants() -> None:
    """Steps and resets of an earlier attempt were meant for that one."""
    stage = Stage(launch_of(attempt=2, desired=wanted("PAUSED", steps=50, resets=3)))

    assert stage.play(lambda: None) == ["begin"]


def test_grants_end_with_the_pause() -> None:
    """Whoever resumes does not find old grants at the next pause."""
    stage = Stage(launch_of(desired=wanted("PAUSED")))
    steps = []

    stage.play(
        stage.desire(wanted("RUNNING", steps=100)),
        stage.desire(wanted("PAUSED", steps=100)),
        lambda: steps.append(stage.session.counters.step),
    )

    assert steps[0] < 10


def test_an_episode_is_begun_anew_when_asked() -> None:
    """Each reset asked begins one."""
    stage = Stage(launch_of(desired=wanted("PAUSED")))

    done = stage.play(stage.desire(wanted("PAUSED", resets=1)), stage.desire(wanted("PAUSED", resets=1, steps=1)))

    assert done == ["begin", "begin", "act"]


def test_modes_decide_who_acts_and_learns() -> None:
    """None: the neutral action; training alone: no step; inference: the model."""
    stage = Stage(launch_of(desired=wanted(inference=False)))
    stages = []

    done = stage.play(
        stage.desire(wanted(training=True, inference=False)),
        lambda: stages.append(stage.session.stage),
        lambda: setattr(stage.body, "has_past", True),
        lambda: None,
        stage.desire(wanted(training=True, inference=True)),
    )

    assert done[:3] == ["begin", "neutral", "neutral"]
    assert stages == [NOTHING_TO_LEARN_FROM]
    assert "learn" in done
    assert done[-1] == "act"
    assert stage.modes == [(False, False), (True, False), (True, True)]
    assert done.count("cut") == 1


def test_a_model_that_cannot_learn_says_so() -> None:
    """Asked to learn, it acts if it may, and says why it does not learn."""
    stage = Stage(launch_of(desired=wanted(training=True)), can_learn=False)
    stages = []

    done = stage.play(lambda: stages.append(stage.session.stage))

    assert stages == [CANNOT_LEARN]
    assert "act" in done


def test_a_body_with_nothing_to_act_on_waits() -> None:
    """A world without agents does not step."""
    stage = Stage()
    stage.body.available = False

    assert stage.play(lambda: None) == ["begin"]
    assert stage.session.phase in {"RUNNING", "STOPPING"}


def test_a_rate_makes_single_steps_with_waits_between() -> None:
    """With a clock that stands still, the second step is never due."""
    stage = Stage(launch_of(desired=wanted(rate=10.0)))

    done = stage.play(lambda: None, lambda: None)

    assert done.count("act") == 1


def test_saving_happens_between_two_steps_and_loses_none() -> None:
    """It goes on as it did, running or paused."""
    stage = Stage()
    seen = []

    done = stage.play(
        stage.desire(wanted(save=asked("sav_1"))),
        stage.desire(wanted("PAUSED", save=asked("sav_1"))),
        stage.desire(wanted("PAUSED", save=asked("sav_2"))),
        lambda: seen.append((stage.session.phase, stage.session.working)),
    )

    assert done == ["begin", "act", "act", "act", "save", "act", "act", "save"]
    assert seen == [("PAUSED", False)]


def test_what_is_asked_while_it_saves_comes_before_the_next_step() -> None:
    """A save may take long: a pause in the middle of it must not wait for one more step."""
    stage = Stage()
    stage.keeping.meanwhile = stage.desire(wanted("PAUSED", save=asked("sav_1")))

    assert stage.play(stage.desire(wanted(save=asked("sav_1"))))[-1] == "save"


def test_it_wakes_up_when_it_is_time_to_save() -> None:
    """The shorter of two waits counts, and a pause has no end of its own."""
    stage = Stage(launch_of(desired=wanted(rate=10.0)))
    stage.keeping.due_in_s = 60.0

    stage.play(lambda: None, stage.desire(wanted("PAUSED")), lambda: setattr(stage.keeping, "due_in_s", None))

    assert stage.bell.waits == [0.1, 0.1, 60.0, None]


def sent_back(id: str) -> RestoreRequest:
    point: Any = {"object": "runs/ins_1/1/a.zip", "step": 3}
    return {"id": id, "tag": "calm", "authorId": None, "point": point}


def test_it_goes_back_between_two_steps_once_all_is_there() -> None:
    """It goes on meanwhile, and from there at once, without having been asked for anything else."""
    stage = Stage()
    steps = []

    done = stage.play(
        stage.desire(wanted(restore=sent_back("res_1"))),
        lambda: None,
        stage.going_back.arrives,
        lambda: steps.append(stage.session.counters.step),
    )

    assert done[:9] == ["begin", "act", "act", "act", "act", "act", "act", "back", "kept there"]
    assert steps == [4]


def test_who_is_paused_goes_back_and_stays_paused() -> None:
    """Also where what came does not fit, and nothing is different."""
    stage = Stage(launch_of(desired=wanted("PAUSED")))
    seen = []

    def look() -> None:
        seen.append((stage.session.phase, stage.session.counters.step))

    def misfits() -> None:
        stage.going_back.fits = False
        stage.going_back.arrives()

    asked_again = stage.desire(wanted("PAUSED", restore=sent_back("res_2")))
    done = stage.play(
        stage.desire(wanted("PAUSED", restore=sent_back("res_1"))), stage.going_back.arrives, look, asked_again,
        misfits, look,
    )  # fmt: skip

    assert done == ["begin", "back", "kept there", "stays"]
    assert seen == [("PAUSED", 3), ("PAUSED", 3)]


def test_a_state_that_is_on_its_way_arrives_before_it_goes_back() -> None:
    """It is of the timeline before."""
    stage = Stage(launch_of(desired=wanted("PAUSED")))
    stage.keeping.takes_long = True

    def lands() -> None:
        stage.keeping.busy = False
        stage.bell.ring()

    done = stage.play(
        stage.desire(wanted("PAUSED", save=asked("sav_1"), restore=sent_back("res_1"))),
        stage.going_back.arrives,
        lambda: stage.body.done.append("lands"),
        lands,
    )

    assert done == ["begin", "save", "lands", "back", "kept there"]
