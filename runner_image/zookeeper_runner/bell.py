"""Bell: how other threads get the step thread's attention at the price of one attribute check per step."""

from __future__ import annotations

import threading

_LONGEST_S = 3_600.0  # a rate near zero asks for waits that no clock can express


class Bell:
    """Rung by any thread; the step thread looks at `rung` after each step, and waits while there is nothing to do.

    The step thread calls `answer` before it looks at what is wanted, so that no ring is ever lost.
    """

    __slots__ = ("_event", "rung")

    def __init__(self) -> None:
        self.rung = False
        self._event = threading.Event()

    def ring(self) -> None:
        self.rung = True
        self._event.set()

    def answer(self) -> None:
        """Makes the bell silent; whoever rang before is attended to by what the caller does next."""
        self._event.clear()
        self.rung = False

    def wait(self, seconds: float | None) -> bool:
        """Returns True as soon as the bell is rung, False after `seconds` or an hour; None: waits for a ring."""
        return self._event.wait(None if seconds is None else min(seconds, _LONGEST_S))
