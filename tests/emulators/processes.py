"""Emulators for tests that stop theirs, and the variables that name them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ainimal_zookeeper.server.emulators import EmulatorProcess, free_address

__all__ = ["environment", "free_address", "running"]


@contextmanager
def running(command: Sequence[str], address: str, log: Path) -> Iterator[None]:
    """Runs an emulator that answers HTTP at `address`; on leaving, its whole process group has ended."""
    process = EmulatorProcess("a test", command, address, log)
    try:
        process.wait()
        yield
    finally:
        process.end()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables, which is where the client libraries look for emulators."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
