"""Departure: what a process does when it is asked to leave."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType


class Departure:
    """Calls `leave` on the serving loop when SIGTERM comes.

    Servers wait for open responses before they end, and functions hear nothing of it; a stream would be waited for
    until the platform kills the process. Whoever handled the signal before handles it still.
    """

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: Callable[[int, FrameType | None], object] | int | None = None

    def expect(self) -> None:
        """From now on; call it on the loop that serves. Only the main thread may: elsewhere its host sees to it."""
        if threading.current_thread() is threading.main_thread():
            self._loop = asyncio.get_running_loop()
            self._before = signal.signal(signal.SIGTERM, self._asked)

    def forget(self) -> None:
        """Gives the signal back, unless somebody has taken it since."""
        if self._loop is not None and signal.getsignal(signal.SIGTERM) == self._asked:
            signal.signal(signal.SIGTERM, self._before)
        self._loop = None

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._leave)
        if callable(self._before):
            self._before(number, frame)
        elif self._before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
