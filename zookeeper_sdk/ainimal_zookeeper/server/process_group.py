"""Process groups: signalling all that a process has started, without ever reaching a stranger."""

from __future__ import annotations

import os
import signal
import subprocess


def wait_without_reaping(process: subprocess.Popen[bytes]) -> None:
    """Waits for the end but leaves the zombie: until it is reaped, no other process group can get its number."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()


def signal_group(group: int, number: signal.Signals) -> None:
    """Signals every process of `group`; one that has ended is no error."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return


def has_members(group: int) -> bool:
    """Tells whether any process is left in `group`, zombies included."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
