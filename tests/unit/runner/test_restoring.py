"""How a process that runs goes back to a checkpoint."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import Desired
from ainimal_zookeeper.domain.errors import AInimalFault, DataCorrupt
from zookeeper_runner.archive import pack
from zookeeper_runner.bell import Bell
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.link import Link
from zookeeper_runner.restoring import Restorer
from zookeeper_runner.session import End, Leave, Session
from zookeeper_runner.settings import Settings
from zookeeper_runner.signals import Signals

from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted

WAIT_S = 10.0
NAME = "runs/ins_1/1/checkpoints/steady.zip"


class Ward:
    """A restorer of a body that reads one file, at step 100 of timeline 1."""

    def __init__(self, link: FakeRunnerLink, **changes: Any) -> None:
        self.bell = Bell()
        self.session = Session(launch_of(timeline=1, **changes), self.bell)
        self.session.counters.step, self.session.counters.episode = 100, 9
        self.history = History(1)
        self.signals = Signals(self.bell)
        self.journal = Journal(self.session, self.signals, self.history)
        self.link = Link(Settings.from_environ(link.variables("ins_1")))
        self.state = "now"
        self.became: Callable[[], Any] = lambda: None
        self.folders: list[Path] = []
        self.said: list[str] = []
        self.lines: list[str] = []

        def put_back(folder: str, point: Any) -> list[str]:
            self.folders.append(Path(folder))
            self.became()
            self.state = next(Path(folder).rglob("it")).read_text()  # wherever a checkpoint has what was saved
            return [f"a new episode starts at {self.session.counters.step}"]

        self.restorer = Restorer(
            self.session, self.link, self.journal, put_back=put_back, warn=self.said.append, tell=self.lines.append
        )

    def told(self) -> dict[str, Any]:
        """Returns what the next report says of going back, once there is something."""
        deadline = time.monotonic() + WAIT_S
        while not self.session.has_answers:
            assert time.monotonic() < deadline
            self.bell.wait(0.01)
        answer: dict[str, Any] = self.session.take_answer()["restored"]
        return answer

    def fetched(self, number: int = 1) -> None:
        """Waits until it can go back."""
        self.restorer.heed(asking(number))
        deadline = time.monotonic() + WAIT_S
        while not self.restorer.ready:
            assert time.monotonic() < deadline
            self.bell.wait(0.01)

    @property
    def place(self) -> tuple[int, int, int]:
        place = self.session.place
        return place.timeline, place.step, place.episode


def asking(number: int = 1) -> Desired:
    point: Any = {"object": NAME, "step": 7, "episode": 2}
    return wanted(restore={"id": f"res_{number}", "tag": "steady", "authorId": None, "point": point})


@pytest.fixture
def link() -> Iterator[FakeRunnerLink]:
    fake = FakeRunnerLink(launch_of())
    yield fake
    fake.close()


@pytest.fixture
def granted(link: FakeRunnerLink, tmp_path: Path) -> bytes:
    """Two requests are granted; returns the bytes of the checkpoint, which are in the bucket."""
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "it").write_text("then")
    pack(saved, tmp_path / "it.zip")
    data = (tmp_path / "it.zip").read_bytes()
    for number in (1, 2):
        link.granted[f"res_{number}"] = link.point(NAME, data, 7, 2, timeline=number + 1)
    return data


@pytest.fixture
def ward(link: FakeRunnerLink) -> Iterator[Ward]:
    made = Ward(link)
    yield made
    made.link.close()


@pytest.mark.usefixtures("granted")
def test_it_is_fetched_while_it_goes_on_and_put_back_when_the_step_thread_says(ward: Ward) -> None:
    """From then on steps, signals and history are of the next timeline, where the checkpoint was."""
    ward.journal.metrics({"loss": 0.5})
    ward.fetched()
    assert (ward.state, ward.place) == ("now", (1, 100, 9))
    assert not ward.session.has_answers

    assert ward.restorer.restore()

    assert (ward.state, ward.place) == ("then", (2, 7, 2))
    assert ward.told() == {"id": "res_1", "timeline": 2}
    assert ward.said == ["a new episode starts at 7"]
    assert ward.signals.moment.timeline == 2
    assert [(each["timeline"], each["steps"]) for each in ward.history.take_finished()] == [(1, [100])]
    assert not ward.restorer.restore()
    report = ward.session.report()
    assert (report["timeline"], report["stats"]["step"], report["acknowledgedAtStep"]) == (2, 7, 7)


@pytest.mark.usefixtures("granted")
def test_a_request_is_met_once(ward: Ward, link: FakeRunnerLink) -> None:
    """However often it comes; the next one leaves only its own files behind."""
    ward.fetched(1)
    ward.restorer.heed(asking(1))
    ward.restorer.restore()
    ward.restorer.heed(asking(1))
    ward.fetched(2)
    assert ward.restorer.restore()

    assert [ward.told()["id"] for _ in range(2)] == ["res_1", "res_2"]
    assert len([path for path in link.paths if path.endswith("/checkpoint")]) == 2
    deadline = time.monotonic() + WAIT_S
    while ward.folders[0].exists():
        assert time.monotonic() < deadline
        ward.bell.wait(0.01)
    assert ward.folders[1].exists()


@pytest.mark.parametrize("damage", ["other bytes", "no bytes", "not granted"])
def test_what_is_missing_or_altered_changes_nothing(
    ward: Ward, link: FakeRunnerLink, granted: bytes, damage: str
) -> None:
    """Whoever asked learns what it is; nothing of it was looked at."""
    if damage == "not granted":
        del link.granted["res_1"]
    elif damage == "no bytes":
        del link.objects[NAME]
    else:
        link.objects[NAME] = granted[:-9] + b"x" + granted[-8:]

    ward.restorer.heed(asking())

    answer = ward.told()
    assert (answer["id"], answer["code"]) == ("res_1", "INVALID_INPUT" if damage == "not granted" else "DATA_CORRUPT")
    assert not ward.restorer.restore()
    assert (ward.state, ward.place, ward.folders) == ("now", (1, 100, 9), [])


@pytest.mark.usefixtures("granted")
def test_what_does_not_fit_changes_nothing(ward: Ward) -> None:
    """The stage has looked before it touched anything: it goes on where it was."""
    ward.fetched()

    def misfits() -> None:
        raise DataCorrupt("it holds 3 tensors, not 4")

    ward.became = misfits

    assert not ward.restorer.restore()

    assert ward.told() == {"id": "res_1", "code": "DATA_CORRUPT", "message": "it holds 3 tensors, not 4"}
    assert (ward.place, ward.history.has_finished, ward.session.ending) == ((1, 100, 9), False, None)
    assert not ward.restorer.midway
    assert not ward.folders[0].exists()


@pytest.mark.usefixtures("granted")
@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_a_load_that_raises_leaves_nothing_to_go_on_with(ward: Ward, has_checkpoint: bool) -> None:
    """Another attempt starts from its newest checkpoint; where it has none, the fault is the instance's."""
    ward.session.has_checkpoint = has_checkpoint
    ward.fetched()

    def breaks() -> None:
        raise AInimalFault("ValueError: no such weights", "Traceback of it")

    ward.became = breaks

    with pytest.raises(Leave if has_checkpoint else AInimalFault):
        ward.restorer.restore()

    answer = ward.told()
    assert (answer["id"], answer["code"]) == ("res_1", "AINIMAL_FAULT")
    assert answer["message"].startswith("ValueError: no such weights")
    assert ("starts again" in answer["message"]) is has_checkpoint
    assert ward.session.ending is (End.SPOILT if has_checkpoint else None)
    assert ward.lines == (["Traceback of it"] if has_checkpoint else [])
    assert ward.restorer.midway


def test_nothing_waits_for_the_transfer(ward: Ward, link: FakeRunnerLink, granted: bytes) -> None:
    """A slow bucket is another thread's; the bell rings when all is there."""
    arrives = threading.Event()
    link.downloading = arrives.wait
    ward.restorer.heed(asking())
    assert not ward.restorer.ready
    ward.bell.answer()
    arrives.set()
    assert ward.bell.wait(WAIT_S)
    assert ward.restorer.ready
