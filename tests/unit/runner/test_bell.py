"""The bell wakes whoever waits."""

from __future__ import annotations

import threading

from zookeeper_runner.bell import Bell


def test_a_wait_may_be_longer_than_clocks_can_express() -> None:
    """An instance at a rate near zero waits until somebody asks for something else."""
    bell = Bell()
    ringing = threading.Timer(0.01, bell.ring)
    ringing.start()

    assert bell.wait(1e308)
    ringing.join()
