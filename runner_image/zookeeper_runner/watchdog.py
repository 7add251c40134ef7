"""Watchdog: sees when user code hangs, and makes the process leave in time whatever user code does."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

from .fault import stack_of
from .session import Session

_PERIOD_S = 0.25


class Watchdog:
    """A thread that needs nothing from the step thread but its counters.

    `leave` is called once the grace has passed after the end was decided; the process exits with what it returns.
    """

    def __init__(self, session: Session, step_thread: int, leave: Callable[[], int]) -> None:
        self._session = session
        self._step_thread = step_thread
        self._leave = leave
        self._stopped = threading.Event()
        self._seen: tuple[int, int, int] = (-1, -1, -1)
        self._seen_at = time.monotonic()
        self._stage: str | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name="zoo-watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        session = self._session
        working_s = session.cadence.working_s
        while not self._stopped.wait(_PERIOD_S):
            session.sample()
            if session.ending_for_s > working_s:
                os._exit(self._leave())
            if session.ending is None:
                self._look(time.monotonic())
            if session.working:
                session.bell.ring()

    def _look(self, now: float) -> None:
        session = self._session
        counters = session.counters
        sign = (counters.step, counters.trained, counters.waits)
        if sign != self._seen or not session.working:
            self._seen, self._seen_at = sign, now
            if session.hangs:
                session.hangs = False
                session.enter(None)
                session.event("HANG", f"it goes on, at step {counters.step}")
        elif not session.hangs and now - self._seen_at > session.cadence.hang_s:
            session.hangs = True
            self._tell(now - self._seen_at)

    def _tell(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._step_thread)
        if frame is None:
            return
        where, stack = stack_of(frame)
        self._session.enter(f"no step for {seconds:.0f} s: in {where}")
        self._session.event("HANG", f"no step for {seconds:.0f} s; the code is in {where}\n{stack}")
