"""The link's client: claims, retries, and knows when it is fenced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, Transient, Unauthenticated
from zookeeper_runner.bell import Bell
from zookeeper_runner.console import Lines
from zookeeper_runner.history import History
from zookeeper_runner.link import Link
from zookeeper_runner.reporting import Reporter
from zookeeper_runner.session import End, Session
from zookeeper_runner.settings import Settings
from zookeeper_runner.signals import Signals

from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted


@pytest.fixture
def server() -> Iterator[FakeRunnerLink]:
    link = FakeRunnerLink(launch_of())
    yield link
    link.close()


@pytest.fixture
def link(server: FakeRunnerLink) -> Iterator[Link]:
    client = Link(Settings.from_environ(server.variables("ins_1")))
    yield client
    client.close()


def test_settings_name_all_that_is_wrong_at_once() -> None:
    """Nobody has to start a runner five times to learn of five mistakes."""
    with pytest.raises(InvalidInput) as wrong:
        Settings.from_environ({"ZOO_ATTEMPT": "one", "ZOO_TOKEN": "t"})

    assert all(name in str(wrong.value) for name in ("ZOO_LINK", "ZOO_INSTANCE", "ZOO_ATTEMPT is 'one'"))


def test_a_claim_returns_the_launch(server: FakeRunnerLink, link: Link) -> None:
    """The answer is the launch as the zoo made it."""
    assert link.claim()["name"] == "ins_1"


def test_a_claim_waits_for_the_zoo_to_come_back(server: FakeRunnerLink, link: Link) -> None:
    """A zoo that restarts is asked again."""
    server.away = True
    threading.Timer(0.3, setattr, (server, "away", False)).start()

    assert link.claim()["instanceId"] == "ins_1"
    assert server.paths.count("/runner/claim") > 1


def test_a_runner_claims_again_under_its_own_name(server: FakeRunnerLink, link: Link) -> None:
    """Who lost the answer to a claim is known by its name; no other process has it."""
    for _ in range(2):
        link.claim()
    other = Link(Settings.from_environ(server.variables("ins_1")))
    other.claim()
    other.close()

    first, again, others = server.claimed_by
    assert first == again
    assert first != others


def test_a_launch_of_another_protocol_is_refused(server: FakeRunnerLink, link: Link) -> None:
    """Both versions are named."""
    server.launches["ins_1"]["protocol"] = 2

    with pytest.raises(InvalidInput, match="protocol 2, this runner 1"):
        link.claim()


def test_a_fenced_attempt_is_told_so(server: FakeRunnerLink, link: Link) -> None:
    """409 is Conflict, a wrong token Unauthenticated, silence Transient."""
    server.fenced.add("ins_1")
    with pytest.raises(Conflict):
        link.desired()
    stranger = Link(Settings(link=server.url, instance_id="ins_1", attempt=1, token="wrong"))
    with pytest.raises(Unauthenticated):
        stranger.desired()
    stranger.close()
    with pytest.raises(Transient, match="does not answer"):
        Link(Settings(link="http://127.0.0.1:9/runner", instance_id="i", attempt=1, token="t")).desired()


def test_a_report_may_be_sent_twice(server: FakeRunnerLink, link: Link) -> None:
    """It keeps its sequence number, by which the second one is known."""
    report = link.numbered({"report": {"phase": "STARTING"}})
    link.report(report)
    link.report(report)
    link.report(link.numbered({"report": {"phase": "RUNNING"}}))

    assert [each["sequence"] for each in server.reports["ins_1"]] == [1, 2]


class Reporting:
    def __init__(self, link: Link, **settings: float) -> None:
        bell = Bell()
        self.session = Session(launch_of(settings=settings), bell)
        self.lines = Lines()
        self.reporter = Reporter(self.session, link, Signals(bell), History(0), self.lines)


def test_what_was_said_during_an_outage_arrives_after_it(server: FakeRunnerLink, link: Link) -> None:
    """No line and no event is lost or doubled, and the desired state comes back with the answer."""
    reporting = Reporting(link)
    server.away = True
    server.desire("ins_1", wanted("PAUSED"))
    reporting.reporter.start()
    for number in range(3):
        reporting.lines.add("stdout", str(number))
        reporting.session.event("WARNING", f"warning {number}")
    server.until_asked(3)
    server.away = False

    server.until("ins_1", lambda _: len(server.said("ins_1", "events")) == 3)
    reporting.reporter.finish(1.0)

    assert [line["text"] for line in server.said("ins_1", "logs")] == ["0", "1", "2"]
    assert [event["message"] for event in server.said("ins_1", "events")] == [f"warning {n}" for n in range(3)]
    assert reporting.session.wanted()[0]["phase"] == "PAUSED"


def test_lines_alone_wait_for_their_turn(server: FakeRunnerLink, link: Link) -> None:
    """A program that prints without end costs one report in `logSeconds`; its end brings the rest."""
    reporting = Reporting(link, logSeconds=60, reportSeconds=60)
    reporting.lines.add("stdout", "first")
    reporting.reporter.start()
    server.until("ins_1", lambda _: len(server.said("ins_1", "logs")) == 1)
    reporting.lines.add("stdout", "second")
    server.until_asked(len(server.paths) + 3)
    before = [line["text"] for line in server.said("ins_1", "logs")]
    reporting.reporter.finish(1.0)

    assert before == ["first"]
    assert [line["text"] for line in server.said("ins_1", "logs")] == ["first", "second"]


def test_a_fenced_reporter_ends_the_attempt_and_says_nothing_more(server: FakeRunnerLink, link: Link) -> None:
    """Its last words would be refused."""
    reporting = Reporting(link)
    server.fenced.add("ins_1")
    ended = threading.Event()
    reporting.session.listen(lambda _urgent: ended.set() if reporting.session.ending else None)
    reporting.reporter.start()

    assert ended.wait(10)
    reporting.reporter.finish(1.0)
    said: list[Any] = server.reports["ins_1"]

    assert reporting.session.ending is End.FENCED
    assert said == []


def test_a_refused_report_arrives_without_what_was_refused(server: FakeRunnerLink, link: Link) -> None:
    """A bad series or line costs itself, never the phase, the failure and the events; what was left out is said."""
    reporting = Reporting(link)
    server.refused = {"manifest"}
    reporting.session.describe({"previewPaths": [], "trainable": False})  # type: ignore[typeddict-item]
    reporting.lines.add("stdout", "kept")
    reporting.session.event("WARNING", "first")
    reporting.reporter.start()
    server.until("ins_1", lambda _: any("without manifest" in line["text"] for line in server.said("ins_1", "logs")))
    server.refused = {"manifest", "logs"}
    reporting.lines.add("stdout", "dropped")
    reporting.session.event("WARNING", "second")
    reporting.session.fail("AINIMAL_FAULT", "broke", None)
    server.phase("ins_1", "FAILED")
    reporting.reporter.finish(1.0)

    assert [event["message"] for event in server.said("ins_1", "events")] == ["first", "second"]
    told = [line["text"] for line in server.said("ins_1", "logs")]
    assert "kept" in told
    assert "dropped" not in told


def test_a_report_that_is_refused_altogether_does_not_stop_the_next_ones(server: FakeRunnerLink, link: Link) -> None:
    """What cannot be taken at all is dropped, and said."""
    reporting = Reporting(link)
    server.refused = {"report"}
    reporting.reporter.start()
    server.until_asked(1)
    server.refused = set()
    server.until(
        "ins_1", lambda _: any("a report was refused" in line["text"] for line in server.said("ins_1", "logs"))
    )
    reporting.reporter.finish(1.0)
