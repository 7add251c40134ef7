"""Pace: steps at an even rate, without drift."""

from __future__ import annotations

_LATE_PERIODS = 5.0
_LATE_S = 0.25


class Pace:
    """Says how long to wait before each step. Times are seconds of any steady clock.

    Delays are caught up, so that the mean rate holds; after a longer pause (the larger of 0.25 s and 5 periods) the
    schedule starts anew instead of a burst.
    """

    __slots__ = ("_due", "_period", "rate")

    def __init__(self) -> None:
        self.rate: float | None = None
        self._period = 0.0
        self._due: float | None = None

    def set(self, rate: float | None, now: float) -> None:
        """Steps per second from now on; None: as fast as it goes. The same rate again changes nothing."""
        if rate == self.rate:
            return
        self.rate = rate
        self._period = 0.0 if rate is None else 1.0 / rate
        self._due = now

    def wait_s(self, now: float) -> float:
        """Returns the seconds until the next step is due, 0.0 when it is."""
        if self.rate is None or self._due is None:
            return 0.0
        return max(0.0, self._due - now)

    def stepped(self, now: float) -> None:
        """A step was begun."""
        if self.rate is None or self._due is None:
            return
        self._due += self._period
        if now - self._due > max(_LATE_S, _LATE_PERIODS * self._period):
            self._due = now + self._period

    def restart(self, now: float) -> None:
        """Forgets what was due: a pause has ended."""
        self._due = now
