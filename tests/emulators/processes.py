"""Emulators as processes: each in a process group of its own, so that all it starts ends with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_START_S = 60.0  # a Java emulator on a busy machine
_STOP_S = 10.0


def free_address() -> str:
    """Returns "127.0.0.1:PORT" where nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def running(command: Sequence[str], address: str, log: Path) -> Iterator[None]:
    """Runs an emulator that answers HTTP at `address`; on leaving, its whole process group has ended."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_until_it_answers(process, address, log)
        yield
    finally:
        _end_group(process)


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


def _wait_until_it_answers(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"{process.args!r} ended with status {process.returncode}:\n{_tail(log)}", pytrace=False)
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            threading.Event().wait(0.05)
    pytest.fail(f"nothing answers at {address} after {_START_S:g} s:\n{_tail(log)}", pytrace=False)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # The group outlives its leader where gcloud ends before the emulator that it started.
    for number, patience_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, _STOP_S)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and _lives(process):
            threading.Event().wait(0.05)
    process.wait()


def _lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # a leader that nobody waits for would stay in its group for ever
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
