"""Waiting in conformance tests: on events with a deadline, never for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

DEADLINE_S = 10.0


class Heard(Generic[T]):
    """A listener that keeps what it is told, for a test that waits until it was."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self._changed = threading.Condition()

    def __call__(self, item: T) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[T]:
        """Returns all items once there are `count`. Raises: AssertionError after the deadline."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.items) >= count, DEADLINE_S), (
                f"{len(self.items)} of {count} items came within {DEADLINE_S} s: {self.items}"
            )
            return list(self.items)

    def wait_until_last(self, expected: T) -> None:
        """Waits until the last item is `expected`. Raises: AssertionError after the deadline."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.items[-1:] == [expected], DEADLINE_S), (
                f"the last item is {self.items[-1:]}, not {expected}, after {DEADLINE_S} s"
            )


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Waits for what tells nobody when it happens. Raises: AssertionError after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_S} s"
        threading.Event().wait(0.01)


def run_all(threads: list[threading.Thread]) -> None:
    """Starts the threads and waits until all have ended."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S * 3)
        assert not thread.is_alive(), f"{thread.name} has not ended"
