"""The thread that reports: what is sent when, and in which order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import CheckpointPoint
from zookeeper_runner.bell import Bell
from zookeeper_runner.console import Lines
from zookeeper_runner.history import History
from zookeeper_runner.link import Link
from zookeeper_runner.reporting import Reporter
from zookeeper_runner.session import Place, Session
from zookeeper_runner.settings import Settings
from zookeeper_runner.signals import Signals

from tests.fakes.runner_link import FakeRunnerLink, launch_of

SLOW = {"pollSeconds": 3_600, "reportSeconds": 3_600}
POINT: CheckpointPoint = {
    "object": "runs/ins_1/1/checkpoints/a.zip", "step": 5, "episode": 0, "sizeBytes": 1, "sha256": "0" * 64,
    "checkpointId": None,
}  # fmt: skip


@pytest.fixture
def link() -> Iterator[FakeRunnerLink]:
    fake = FakeRunnerLink(launch_of(timeline=1))
    yield fake
    fake.close()


class Attempt:
    """A reporter that sends only what is worth a report of its own."""

    def __init__(self, link: FakeRunnerLink, kind: type[Session] = Session) -> None:
        bell = Bell()
        self.session = kind(launch_of(timeline=1, settings=SLOW), bell)
        self.history = History(1)
        self.client = Link(Settings.from_environ(link.variables("ins_1")))
        self.reporter = Reporter(self.session, self.client, Signals(bell), self.history, Lines())
        self.fake = link

    def sent(self) -> list[dict[str, Any]]:
        """Ends the reporting and returns all reports."""
        self.reporter.finish(10.0)
        self.client.close()
        return self.fake.reports["ins_1"]


def test_a_change_that_comes_while_a_report_is_made_is_sent_at_once(link: FakeRunnerLink) -> None:
    """Another thread may say something at any moment of it, also while the reporter looks for what is left to say."""

    class Interrupted(Session):
        """Something else changes just when it is looked whether there are answers, once it `may`."""

        may = threading.Event()

        @property
        def has_answers(self) -> bool:
            if self.may.is_set():
                self.may.clear()
                self.apply("PAUSED", 1)
                return False
            return super().has_answers

    attempt = Attempt(link, Interrupted)
    attempt.history.add("env.reward", 1, 1.0, 0.5)
    attempt.reporter.start()
    link.until("ins_1", lambda said: any("series" in each for each in said))  # the next one that is due: in an hour
    Interrupted.may.set()
    attempt.session.event("WARNING", "something else")

    link.phase("ins_1", "PAUSED", patience_s=10.0)

    attempt.sent()


def test_an_end_is_told_after_all_answers(link: FakeRunnerLink) -> None:
    """After it nothing is taken: whoever asked first is answered first, and the failure comes with the last answer."""
    attempt = Attempt(link)
    attempt.session.saved({"id": "sav_1", "kind": "ASKED"}, POINT)
    attempt.session.not_restored("res_1", "DATA_CORRUPT", "it is damaged")
    attempt.session.fail("AINIMAL_FAULT", "no such luck", None)

    said = [each["report"] for each in attempt.sent()]

    assert [each["phase"] for each in said] == ["STOPPING", "FAILED"]
    assert [each.get("failure", {}).get("message") for each in said] == [None, "no such luck"]
    assert (said[0]["save"]["id"], said[1]["restored"]["id"]) == ("sav_1", "res_1")
    assert attempt.session.has_checkpoint


def test_what_is_told_of_a_new_timeline_says_so_in_the_same_breath(link: FakeRunnerLink) -> None:
    """Steps, timeline and answer go together; the history of the timeline before is sent alone, and first."""
    attempt = Attempt(link)
    attempt.session.counters.step = 90
    attempt.history.add("env.reward", 90, 1.0, 0.5)
    attempt.session.travel(Place(2, 7, 1))
    attempt.history.begin(2)
    attempt.session.restored("res_1")
    attempt.history.add("env.reward", 8, 2.0, 0.7)

    sent = attempt.sent()

    first = sent[0]["report"]
    assert first["restored"] == {"id": "res_1", "timeline": 2}
    assert (first["timeline"], first["stats"]["step"], first["stats"]["episode"]) == (2, 7, 1)
    told = [series["timeline"] for each in sent for series in each.get("series", [])]
    assert told == [1, 2]


def test_it_says_whether_it_can_go_back_and_not_while_it_hangs(link: FakeRunnerLink) -> None:
    """Before that is known nothing is said of it."""
    attempt = Attempt(link)
    said = [attempt.session.report().get("restorable")]
    attempt.session.can_go_back(True)
    for hangs in (False, True, False):
        attempt.session.hangs = hangs
        said.append(attempt.session.report().get("restorable"))
    attempt.sent()

    assert said == [None, True, False, True]
