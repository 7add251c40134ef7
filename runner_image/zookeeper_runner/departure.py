"""Departure: signals ask the attempt to leave, also while user code keeps the main thread busy."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def on_signals(leave: Callable[[], None]) -> None:
    """Calls `leave` in a thread of its own for each SIGTERM or SIGINT. Main thread only.

    A Python handler runs only when the main thread gets to it, which code that hangs prevents; the wake-up descriptor
    is written at once by the interpreter's C handler.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _nothing)
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_forget)

    def listen() -> None:
        while numbers := os.read(reading, 16):
            if any(number in SIGNALS for number in numbers):
                leave()

    threading.Thread(target=listen, name="zoo-signals", daemon=True).start()


def _hold() -> None:
    """Before a fork: what is sent to the worker waits until it has handlers of its own."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _release() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _forget() -> None:
    """A forked worker ends by its own signals: it must neither ignore them nor pass them on to the runner."""
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
    _release()


def _nothing(_number: int, _frame: object) -> None:
    return
