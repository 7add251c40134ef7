"""Saving while it runs: when, what becomes of it, and who is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import Desired
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.domain.overrides import Terms
from ainimal_zookeeper.models.agent import Agent, Capabilities
from zookeeper_runner.arrows import Arrows
from zookeeper_runner.bell import Bell
from zookeeper_runner.link import Link
from zookeeper_runner.overrides import Overrides
from zookeeper_runner.saving import Saver, libraries
from zookeeper_runner.session import End, Session
from zookeeper_runner.settings import Settings

from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted
from tests.unit.runner.test_standing import override

WAIT_S = 10.0


class Ward:
    """A saver of an agent that writes one file, with a clock that stands still."""

    def __init__(
        self, link: FakeRunnerLink, launch: dict[str, Any], can: Capabilities | None = None, subject: Any = None
    ) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.bell = Bell()
        self.session = Session(launch, self.bell)
        self.link = Link(Settings.from_environ(link.variables("ins_1")))
        self.write: Callable[[str], Any] = lambda path: Path(path, "it").write_text("it")

        def save(path: str) -> None:
            self.write(path)

        able = Capabilities(save=save, load=lambda _: None)
        self.overrides = Overrides(self.session, Arrows(), lambda: None)
        self.saver = Saver(
            Agent(forward=dict, can=can or able, subject=subject),
            self.session,
            self.link,
            tell=self.lines.append,
            seeds=lambda: {"numpy": 7},
            overrides=self.overrides,
            clock=lambda: self.now,
        )

    def save(self, desired: Desired) -> None:
        assert self.saver.due(desired)
        self.saver.save(desired)

    def told(self) -> dict[str, Any]:
        """Returns what the next report says of a save, once there is something."""
        deadline = time.monotonic() + WAIT_S
        while not self.session.has_answers:
            assert time.monotonic() < deadline
            self.bell.wait(0.01)
        return self.session.take_answer()

    def landed(self, desired: Desired) -> None:
        """Waits until nothing is on its way."""
        self.saver.finish(desired, WAIT_S)

    def warnings(self) -> list[str]:
        return [event["message"] for event in self.session.take_events() if event["kind"] == "WARNING"]


def asking(number: int) -> Desired:
    return wanted(save={"id": f"sav_{number}", "tag": None, "authorId": "me"})


WardMaker = Callable[..., Ward]


@pytest.fixture
def ward_of(link: FakeRunnerLink) -> Iterator[WardMaker]:
    """Makes wards: `ward_of(changes of the launch, can=..., subject=...)`."""
    made: list[Ward] = []

    def make(can: Capabilities | None = None, subject: Any = None, **changes: Any) -> Ward:
        made.append(Ward(link, launch_of(**changes), can, subject))
        return made[-1]

    yield make
    for ward in made:
        ward.link.close()


@pytest.fixture
def link() -> Iterator[FakeRunnerLink]:
    fake = FakeRunnerLink(launch_of())
    yield fake
    fake.close()


def test_a_request_is_met_once(ward_of: WardMaker, link: FakeRunnerLink) -> None:
    """It is saved where it is, sent, and told with what it takes to make sense of it; then nothing is due."""
    ward = ward_of()
    ward.session.counters.step, ward.session.counters.episode = 12, 3
    assert not ward.saver.due(wanted())

    ward.save(asking(1))
    ward.session.counters.step = 20  # it goes on
    told = ward.told()

    point, save = told["checkpoint"], told["save"]
    assert (point["object"], point["step"], point["episode"]) == ("runs/ins_1/1/checkpoints/sav_1.zip", 12, 3)
    assert len(link.objects[point["object"]]) == point["sizeBytes"]
    assert (save["id"], save["kind"], save["seeds"]) == ("sav_1", "ASKED", {"numpy": 7})
    assert save["libraries"] == libraries()
    ward.landed(asking(1))
    assert not ward.saver.due(asking(1))
    assert not ward.session.has_answers


def test_sending_holds_nothing_up_and_a_second_request_waits_for_it(ward_of: WardMaker, link: FakeRunnerLink) -> None:
    """The step thread is back while bytes are on their way; when they have arrived, the bell rings."""
    ward = ward_of()
    arrives = threading.Event()
    link.uploading = arrives.wait

    ward.save(asking(1))

    assert not ward.session.has_answers
    assert not ward.saver.due(asking(2))
    ward.bell.answer()
    arrives.set()
    assert ward.bell.wait(WAIT_S)
    assert ward.told()["save"]["id"] == "sav_1"
    ward.landed(asking(1))
    ward.save(asking(2))
    assert ward.told()["save"]["id"] == "sav_2"


def test_a_save_that_raises_is_told_and_nothing_is_kept(ward_of: WardMaker, link: FakeRunnerLink) -> None:
    """Whoever asked learns where; it goes on, and the next request is met."""
    ward = ward_of()
    written = ward.write
    ward.write = lambda path: [written(path), 1 / 0]

    ward.save(asking(1))

    told = ward.told()
    assert told["save"]["id"] == "sav_1"
    assert told["save"]["code"] == "AINIMAL_FAULT"
    assert "ZeroDivisionError" in told["save"]["message"]
    assert "checkpoint" not in told
    assert any("ZeroDivisionError" in line for line in ward.lines)
    assert link.objects == {}
    ward.write = written
    ward.save(asking(2))
    assert "checkpoint" in ward.told()


def test_an_upload_that_is_refused_is_told(ward_of: WardMaker, link: FakeRunnerLink) -> None:
    """An object that is there already, as the only example that a runner can make."""
    ward = ward_of()
    link.objects["runs/ins_1/1/checkpoints/sav_1.zip"] = b"other"

    ward.save(asking(1))

    assert ward.told()["save"]["code"] == "CONFLICT"


def test_what_cannot_be_saved_is_refused(ward_of: WardMaker) -> None:
    """Also by one that could save and never load; and who is configured to be saved learns that it is not."""
    ward = ward_of(Capabilities(save=lambda _: None), autosave={"steps": 5, "minutes": None})
    ward.session.counters.step = 100

    assert ward.warnings() == [
        "it is not saved now and then, as configured: the model has no load, and its constructor takes no save_path"
    ]
    assert not ward.saver.due(wanted())
    ward.save(asking(1))
    assert ward.told()["save"]["code"] == "INVALID_TRANSITION"


class Opener:
    """A model without save; what it opens cannot be kept."""

    def __init__(self) -> None:
        self.count = 0
        self.lock = threading.Lock()


def test_what_a_checkpoint_leaves_out_is_told_once(ward_of: WardMaker) -> None:
    """Whoever goes back to it finds that part as the constructor makes it, and was told so when it was saved."""
    ward = ward_of(can=Capabilities(), subject=Opener())

    ward.save(asking(1))
    ward.told()
    ward.landed(asking(1))
    (warning,) = ward.warnings()
    assert warning.startswith("its checkpoints leave out lock, which stays as the constructor makes it: ")
    ward.save(asking(2))
    ward.told()
    ward.landed(asking(2))
    assert ward.warnings() == []


def test_it_is_saved_every_so_many_steps(ward_of: WardMaker) -> None:
    """Counted from the last state that was kept, whoever asked for it."""
    ward = ward_of(autosave={"steps": 100, "minutes": None})
    counters = ward.session.counters
    counters.step = 99
    assert not ward.saver.due(wanted())
    assert ward.saver.wait_s() is None
    counters.step = 120

    ward.save(wanted())

    told = ward.told()
    assert (told["save"]["kind"], told["save"]["id"]) == ("AUTOSAVE", None)
    assert told["checkpoint"]["object"].endswith("/checkpoints/autosave-1.zip")
    ward.landed(wanted())
    counters.step = 219
    assert not ward.saver.due(wanted())
    ward.save(asking(1))
    ward.landed(asking(1))
    counters.step = 318
    assert not ward.saver.due(asking(1))
    counters.step = 319
    assert ward.saver.due(asking(1))


def test_it_is_saved_every_so_many_minutes_while_something_changes(ward_of: WardMaker) -> None:
    """Steps or calls of train; what stands still since the last time needs no second copy."""
    ward = ward_of(autosave={"steps": None, "minutes": 1.5})
    ward.now = 100.0
    assert not ward.saver.due(wanted())
    assert ward.saver.wait_s() is None
    ward.session.counters.trained = 1
    assert ward.saver.wait_s() == 0.0

    ward.save(wanted())

    ward.landed(wanted())
    ward.session.counters.step = 1
    assert ward.saver.wait_s() == 90.0
    assert not ward.saver.due(wanted())


def test_autosaves_that_fail_alike_are_told_once(ward_of: WardMaker) -> None:
    """An hour of them must not fill the list of what happened."""
    ward = ward_of(autosave={"steps": 10, "minutes": None})
    ward.write = lambda _: 1 / 0
    for step in (10, 20, 30):
        ward.session.counters.step = step
        ward.save(wanted())

    assert [message.split(",")[0] for message in ward.warnings()] == [
        "it could not be saved: ZeroDivisionError: division by zero"
    ]
    assert not ward.session.has_answers


def test_a_later_attempt_does_not_save_what_an_earlier_one_was_asked(ward_of: WardMaker) -> None:
    """Whoever asked meant the state that is gone."""
    assert not ward_of(attempt=1, desired=wanted()).saver.due(wanted())
    later = ward_of(attempt=2, desired=asking(1))
    assert not later.saver.due(asking(1))
    assert later.saver.due(asking(2))


def test_a_departure_is_told_after_what_was_on_its_way(ward_of: WardMaker, link: FakeRunnerLink) -> None:
    """The newest state is told last; who has asked in vain learns that it came too late."""
    ward = ward_of()
    first, second = threading.Event(), threading.Event()

    def uploading() -> None:  # the first arrives after the second
        if first.is_set():
            second.set()
        first.set()
        second.wait(WAIT_S)

    link.uploading = uploading
    ward.session.counters.step = 5
    ward.save(asking(1))
    assert first.wait(WAIT_S)
    ward.session.counters.step = 9
    ward.session.end(End.SIGNAL)

    ward.saver.depart(WAIT_S)

    told = [ward.session.take_answer() for _ in range(2)]
    assert [(each["save"]["id"], each["checkpoint"]["step"]) for each in told] == [("sav_1", 5), (None, 9)]
    assert [line.split(" (")[0] for line in ward.lines] == [
        "it leaves a checkpoint of step 5",
        "it leaves a checkpoint of step 9",
    ]
    ward.saver.finish(asking(2), 0.0)
    assert ward.session.take_answer()["save"]["id"] == "sav_2"
    assert not ward.session.has_answers


def test_a_departure_that_fails_says_so(ward_of: WardMaker) -> None:
    """To its caller; no report speaks of a save that nobody asked for."""
    ward = ward_of()
    ward.write = lambda _: 1 / 0

    with pytest.raises(AInimalFault, match="ZeroDivisionError"):
        ward.saver.depart(WAIT_S)

    assert not ward.session.has_answers


def test_the_end_answers_who_is_left(ward_of: WardMaker, link: FakeRunnerLink) -> None:
    """What has not arrived in time, and what was never begun, are told as failures; a late arrival is not told."""
    ward = ward_of()
    arrives = threading.Event()
    link.uploading = arrives.wait
    ward.save(asking(1))

    ward.saver.finish(asking(2), 0.05)

    told = [ward.session.take_answer()["save"] for _ in range(2)]
    assert [(each["id"], each["code"]) for each in told] == [("sav_1", "UNAVAILABLE"), ("sav_2", "INVALID_TRANSITION")]
    ward.bell.answer()
    arrives.set()
    assert ward.bell.wait(WAIT_S)
    assert not ward.session.has_answers


def test_versions_are_those_of_what_was_imported() -> None:
    """Python's own modules are part of Python."""
    found = libraries()
    assert found["numpy"].count(".") >= 1
    assert found["python"].startswith("3.")
    assert "json" not in found


def test_what_was_asked_for_before_the_end_is_saved_then(ward_of: WardMaker, link: FakeRunnerLink) -> None:
    """Once: it has arrived, and been told, when the end goes on; whoever did not ask costs nothing."""
    ward = ward_of()
    ward.session.counters.step = 12
    ward.session.end(End.ASKED)

    ward.saver.meet(wanted(), WAIT_S)
    assert not ward.session.has_answers
    ward.saver.meet(asking(1), WAIT_S)
    ward.saver.meet(asking(1), WAIT_S)
    ward.saver.finish(asking(1), WAIT_S)

    told = ward.session.take_answer()
    assert (told["save"]["id"], told["checkpoint"]["step"]) == ("sav_1", 12)
    assert told["checkpoint"]["object"] in link.objects
    assert not ward.session.has_answers


def test_after_going_back_it_is_time_again_by_steps_from_there(ward_of: WardMaker) -> None:
    """Not by those of the timeline before, which may be many more."""
    ward = ward_of(autosave={"steps": 10, "minutes": None})
    ward.session.counters.step = 1_000
    ward.save(wanted())
    ward.landed(wanted())
    ward.session.counters.step = 7
    ward.saver.went_back()
    assert not ward.saver.due(wanted())
    ward.session.counters.step = 17
    assert ward.saver.due(wanted())


def test_it_says_which_rules_stood(ward_of: WardMaker) -> None:
    """With what each says, unless that is large, and for how many steps it has."""
    ward = ward_of()
    small = override("outputs.a", Terms("SET", value=0.5))
    large = override("outputs.b", Terms("SET", value=[0.25] * 1000), 2)
    ward.overrides.heed({**wanted(), "overrides": [small, large]})
    ward.session.counters.step = 4
    ward.save(asking(1))

    first, second = ward.told()["save"]["overrides"]
    assert (first["id"], first["path"], first["stood"], first["terms"]) == ("ovr_1", "outputs.a", 4, {"value": 0.5})
    assert "terms" not in second
    assert second["termsBytes"] > 5_000
