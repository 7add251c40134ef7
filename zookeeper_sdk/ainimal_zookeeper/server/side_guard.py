"""Ends every process that carries a mark in its environment; as a program, when its standard input closes.

It runs by its path, as a process of its own, so that it survives a zoo that is killed. It knows nothing of the package.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Collection
from typing import Final

import psutil

MARK: Final = "ZOO_SIDE_PROCESS"


def marked(mark: str) -> list[psutil.Process]:
    """Returns the living processes whose mark begins with `mark`, as far as this user may look."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK, "").startswith(mark):
                found.append(process)
    return found


def terminate(mark: str, signalled_groups: Collection[int] = ()) -> None:
    """Asks those to end that are not in one of the groups, which were asked already: once must do."""
    for process in marked(mark):
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) not in signalled_groups:
                process.terminate()


def wait_for_end(mark: str, deadline: float) -> None:
    """Returns when none is left, at the latest when `time.monotonic()` is past `deadline`.

    It looks instead of waiting for them: some are children of this process, and are for others to reap.
    """
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.02)


def kill(mark: str) -> None:
    """Kills them, again and again until none is left that was forked meanwhile."""
    deadline = time.monotonic() + 2.0
    while (processes := marked(mark)) and time.monotonic() < deadline:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.005)


def end_marked(mark: str, grace_s: float) -> None:
    """Ends them: SIGTERM, after `grace_s` SIGKILL."""
    terminate(mark)
    wait_for_end(mark, time.monotonic() + grace_s)
    kill(mark)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_marked(sys.argv[1], grace_s=3.0)
