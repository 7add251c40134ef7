"""The journal passes on what the step thread did."""

from __future__ import annotations

from zookeeper_runner.bell import Bell
from zookeeper_runner.history import PATHS, History
from zookeeper_runner.journal import NAMES, Journal
from zookeeper_runner.session import Session
from zookeeper_runner.signals import Signals

from tests.fakes.runner_link import launch_of


def test_too_many_metrics_are_told_once() -> None:
    """Those without a history can still be watched; names without end do not fill the memory."""
    bell = Bell()
    session = Session(launch_of(), bell)
    history = History(0)
    journal = Journal(session, Signals(bell), history)

    for number in range(NAMES * 2):
        journal.metrics({f"m{number}": 1.0})

    (event,) = session.take_events()
    assert event["kind"] == "WARNING"
    assert event["message"].startswith(f"the history of metrics.m{PATHS} is not kept: {PATHS} scalars have one already")
    assert len(history.to_document()) == PATHS
    assert len(journal.new_metrics) < NAMES
