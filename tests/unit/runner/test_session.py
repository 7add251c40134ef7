"""The session: what is desired and what is."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st
from zookeeper_runner.bell import Bell
from zookeeper_runner.manifest import manifest_of
from zookeeper_runner.session import End, Session

from tests.fakes.runner_link import launch_of, wanted


def session() -> Session:
    return Session(launch_of(), Bell())


@given(st.lists(st.integers(0, 20), max_size=30))
def test_the_newest_generation_wins_in_any_order(generations: list[int]) -> None:
    """Poll, report and live link may bring changes late and twice."""
    attempt = session()
    for generation in generations:
        attempt.offer(wanted(rate=float(generation + 1)), generation)

    desired, generation = attempt.wanted()
    assert generation == max([1, *generations])
    assert desired["rate"] == (None if generation == 1 else generation + 1)


def test_a_change_rings_and_an_old_one_does_not() -> None:
    """The step thread is only disturbed by news."""
    bell = Bell()
    attempt = Session(launch_of(), bell)
    attempt.offer(wanted("PAUSED"), 1)
    assert not bell.rung
    attempt.offer(wanted("PAUSED"), 2)
    assert bell.rung


def test_an_acknowledgement_names_the_step_at_which_it_was_made() -> None:
    """Applied later steps do not change it."""
    attempt = session()
    attempt.counters.step = 7
    attempt.apply("RUNNING", 1)
    attempt.counters.step = 9
    attempt.apply("RUNNING", 1)

    report = attempt.report()

    assert (report["observedGeneration"], report["acknowledgedAtStep"], report["stats"]["step"]) == (1, 7, 9)


def test_numbers_that_are_not_finite_are_reported_as_text() -> None:
    """A report is JSON."""
    attempt = session()
    attempt.counters.episode_return, attempt.counters.loss = math.inf, math.nan

    stats = json.loads(json.dumps(attempt.report(), allow_nan=False))["stats"]

    assert (stats["episodeReturn"], stats["loss"]) == ("Infinity", "NaN")


def test_whether_it_learns_is_told_once_the_model_is_loaded() -> None:
    """Before that nobody knows."""
    attempt = session()
    assert "trainable" not in attempt.report()

    attempt.manifest = manifest_of({}, {}, trainable=True)

    assert attempt.report()["trainable"] is True


def test_asking_to_terminate_starts_the_grace_at_once() -> None:
    """Whatever user code does, the end has been decided."""
    attempt = session()
    attempt.offer(wanted("TERMINATED"), 2)

    assert attempt.ending is End.ASKED
    assert attempt.report()["phase"] == "STOPPING"


def test_the_first_reason_to_end_stays() -> None:
    """A signal during a failure does not hide it."""
    attempt = session()
    attempt.fail("AINIMAL_FAULT", "it broke", "Traceback")
    attempt.end(End.SIGNAL)

    report = attempt.report()

    assert attempt.ending is End.FAULT
    assert (report["phase"], report["failure"]["message"]) == ("FAILED", "it broke")  # type: ignore[index]
