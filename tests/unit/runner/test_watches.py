"""Watches: what is asked, when, and what was missed."""

from __future__ import annotations

from typing import Any

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from zookeeper_runner.live.watches import Watch, WatchRequest
from zookeeper_runner.signals import Captured


def captured(version: int, step: int, time: float = 0.0) -> Captured:
    return Captured("env.reward", 1.0, step, time, version)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"id": 1, "path": "no path!"}, "path"),
        ({"id": 1, "path": "action", "maxRate": 0}, "maxRate"),
        ({"id": 1, "path": "action", "maxSize": -1}, "maxSize"),
        ({"id": 1, "path": "action", "reduce": "PNG"}, "reduce"),
        ({"id": 1, "path": "action", "crop": [3, 1]}, "crop"),
        ({"id": 1, "path": "action", "index": ["x"]}, "index"),
    ],
)
def test_a_bad_request_names_its_field(message: dict[str, Any], field: str) -> None:
    """Whoever asks wrongly is told which field and which value."""
    with pytest.raises(InvalidInput, match=field):
        WatchRequest.from_message(message)


def test_the_newest_value_wins() -> None:
    """What was not sent in time is replaced, and older values do not come back."""
    watch = Watch(WatchRequest(1, "env.reward"), 0.0)
    watch.offer(captured(5, 5))
    watch.offer(captured(9, 9))

    taken = watch.take(0.0)

    assert taken is not None
    assert taken[0].version == 9
    assert not watch.offer(captured(7, 7))
    assert watch.take(0.0) is None


def test_steps_that_were_not_seen_are_counted() -> None:
    """Without a rate every step was wanted."""
    watch = Watch(WatchRequest(1, "env.reward"), 0.0)
    watch.offer(captured(1, 10))
    watch.take(0.0)
    watch.offer(captured(2, 15))

    taken = watch.take(0.0)

    assert taken is not None
    assert taken[1] == 4


def test_a_rate_counts_only_what_it_would_have_shown() -> None:
    """At 10 a second, values that came a second apart miss nine."""
    watch = Watch(WatchRequest(1, "env.reward", max_rate=10), 0.0)
    watch.offer(captured(1, 0, time=100.0))
    watch.take(0.0)
    assert watch.wait_s(0.0) == pytest.approx(0.1)
    watch.offer(captured(2, 5_000, time=101.0))

    taken = watch.take(1.0)

    assert taken is not None
    assert taken[1] == 9
