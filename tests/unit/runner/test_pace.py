"""Pace makes steps even without drift."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zookeeper_runner.pace import Pace


@given(st.floats(1, 1000), st.lists(st.floats(0, 0.9), min_size=50, max_size=200))
def test_delays_shorter_than_a_period_do_not_accumulate(rate: float, delays: list[float]) -> None:
    """After n steps, each of which took part of its period, n periods have passed."""
    pace = Pace()
    pace.set(rate, 0.0)
    now = 0.0
    for delay in delays:
        now += pace.wait_s(now)
        pace.stepped(now)
        now += delay / rate
    now += pace.wait_s(now)

    assert now == pytest.approx(len(delays) / rate, rel=1e-6)


def test_a_long_pause_is_not_caught_up_by_a_burst() -> None:
    """After a hiccup of seconds the schedule starts anew."""
    pace = Pace()
    pace.set(10, 0.0)
    pace.stepped(0.0)
    pace.stepped(5.0)

    assert pace.wait_s(5.0) == pytest.approx(0.1)


def test_without_a_rate_nothing_waits() -> None:
    """None means as fast as it goes."""
    pace = Pace()
    pace.set(2, 0.0)
    pace.stepped(0.0)
    assert pace.wait_s(0.0) == pytest.approx(0.5)
    pace.set(None, 0.0)

    assert pace.wait_s(0.0) == 0.0


def test_a_new_rate_holds_at_once() -> None:
    """Whoever makes it faster does not wait for the old period to end."""
    pace = Pace()
    pace.set(0.01, 0.0)
    pace.stepped(0.0)
    pace.set(100, 1.0)

    assert pace.wait_s(1.0) == 0.0
