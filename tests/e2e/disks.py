"""Disks that can be filled, for tests of what a zoo does when one is full."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from tests.e2e.hosting import HostedZoo

TMPFS_BYTES = 24 << 20


class Disk(Protocol):
    def fill(self, zoo: HostedZoo) -> None: ...

    def free(self, zoo: HostedZoo) -> None: ...


class SmallDisk:
    """A file system of its own, with a file that takes what is left of it."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self, _zoo: HostedZoo | None = None, *, leave_bytes: int = 0) -> None:
        """Fills it. leave_bytes: how much of it stays free."""
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            for size in (1 << 16, 1 << 10, 1):
                with suppress(OSError):
                    while True:
                        filler.write(b"\0" * size)
        os.truncate(self._filler, max(0, self._filler.stat().st_size - leave_bytes))

    def free(self, _zoo: HostedZoo | None = None) -> None:
        self._filler.unlink()


class SmallFiles:
    """A limit to the size of files, as a quota sets it: whoever may not mount has this at least."""

    def fill(self, zoo: HostedZoo) -> None:
        wal = zoo.state_dir / "zoo.sqlite3-wal"
        hard = resource.RLIM_INFINITY
        psutil.Process(zoo.process.pid).rlimit(psutil.RLIMIT_FSIZE, (min(wal.stat().st_size, 1 << 16), hard))

    def free(self, zoo: HostedZoo) -> None:
        psutil.Process(zoo.process.pid).rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Makes `folder` a small file system; skips the test where this user may not."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "zoo-test", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        reason = done.stderr.strip() if done.returncode else None
    except FileNotFoundError as error:
        reason = str(error)
    if reason is not None:
        pytest.skip(f"this user may not mount a small file system: {reason}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
