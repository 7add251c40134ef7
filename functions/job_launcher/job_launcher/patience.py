"""Patience: how long the reconciler waits before it acts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds. A timer that calls once a minute makes each up to a minute longer, and harms nothing else."""

    republish_s: float = 5  # until a launch that has no job is asked for again
    silence_s: float = 60  # until an attached instance that does not report is lost
    hush_s: float = 30  # until it is said that a runner whose job lives does not report: three report periods
    grace_s: float = 5  # that a runner gets to leave
    notice_s: float = 6  # until a runner has surely heard that it should leave: it polls every 5 s
    run_s: float = 40  # until a run leaves the rest to the next one: timers wait a minute for their answer
