"""How often a stream may speak."""

from __future__ import annotations


class Pace:
    """`rate` events a second in the long run, `burst` of them at once."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = now

    def wait_s(self, now: float) -> float:
        """Takes one event and returns how long it has to wait."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        return max(0.0, -self._tokens / self._rate)
