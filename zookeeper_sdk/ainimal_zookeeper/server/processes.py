"""Side processes: what `launch_etc` starts beside the zoo, kept running and ended with it.

Each runs in a session of its own and carries a mark in its environment, which its descendants inherit: so that those
that fork away are found and ended as well. A guard process does the same when the zoo itself is killed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, TypedDict

from ainimal_zookeeper.config import SideProcessSpec
from ainimal_zookeeper.ports.clock import Clock

from . import side_guard
from .process_group import signal_group, wait_without_reaping

DELAYS_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
STEADY_S: Final = 30.0  # a process that ran for so long starts over with the shortest delay
LOG_BYTES: Final = 4 << 20  # of each of the two log files of a process

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


class SideProcessState(TypedDict):
    name: str
    running: bool
    restarts: int
    url: str | None


class SideProcesses:
    """Supervises the processes of `specs`; their output goes to `log_dir`/<name>.log. Thread-safe.

    delays_s: how long to wait before the first, second, ... restart in a row; the last one repeats.
    """

    def __init__(
        self,
        specs: Sequence[SideProcessSpec],
        log_dir: Path,
        clock: Clock,
        *,
        delays_s: Sequence[float] = DELAYS_S,
        steady_s: float = STEADY_S,
        log_bytes: int = LOG_BYTES,
    ) -> None:
        mark = hashlib.sha256(str(log_dir.absolute()).encode()).hexdigest()[:16]
        self._mark = mark
        self._log_dir = log_dir
        self._changed = threading.Condition(threading.RLock())
        self._guard: subprocess.Popen[bytes] | None = None
        self._supervised = [
            _Supervised(
                spec,
                _Log(log_dir / f"{_file_name(spec.name)}.log", log_bytes),
                f"{mark}:{index}:",
                clock,
                self._changed,
                tuple(delays_s),
                steady_s,
            )
            for index, spec in enumerate(specs)
        ]

    def start(self) -> None:
        """Starts all of them and returns at once. What an earlier, killed zoo left behind is ended first."""
        if not self._supervised:
            return
        self._log_dir.mkdir(parents=True, exist_ok=True)
        side_guard.end_marked(self._mark, grace_s=1.0)
        self._guard = subprocess.Popen(
            [sys.executable, side_guard.__file__, self._mark], stdin=subprocess.PIPE, start_new_session=True
        )
        for supervised in self._supervised:
            supervised.start()

    def snapshot(self) -> list[SideProcessState]:
        """Returns how they are, in the order of the configuration."""
        with self._changed:
            return [supervised.state() for supervised in self._supervised]

    def wait_for(self, condition: Callable[[list[SideProcessState]], bool], timeout_s: float) -> bool:
        """Returns True as soon as `condition` holds of the snapshot, False when it does not within `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(
                lambda: condition([supervised.state() for supervised in self._supervised]), timeout_s
            )

    def close(self, grace_s: float) -> None:
        """Ends all of them and their descendants: SIGTERM, after `grace_s` SIGKILL. Idempotent, also in two threads."""
        deadline = time.monotonic() + grace_s
        groups = [group for supervised in self._supervised if (group := supervised.stop(deadline)) is not None]
        if self._guard is None:
            return
        side_guard.terminate(self._mark, groups)
        self.wait_for(lambda states: not any(state["running"] for state in states), grace_s)
        for supervised in self._supervised:
            supervised.kill()
            supervised.join()
        side_guard.kill(self._mark)
        guard = self._take_guard()
        if guard is None:  # another thread, which was less patient, was here first
            return
        if guard.stdin is not None:
            guard.stdin.close()
        guard.wait()

    def _take_guard(self) -> subprocess.Popen[bytes] | None:
        with self._changed:
            guard, self._guard = self._guard, None
        return guard


class _Supervised:
    """One process: a thread starts it again whenever it ends, until it is stopped."""

    def __init__(
        self,
        spec: SideProcessSpec,
        log: _Log,
        mark: str,
        clock: Clock,
        changed: threading.Condition,
        delays_s: tuple[float, ...],
        steady_s: float,
    ) -> None:
        self._spec = spec
        self._log = log
        self._mark = mark
        self._clock = clock
        self._changed = changed
        self._delays_s = delays_s
        self._steady_s = steady_s
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._process: subprocess.Popen[bytes] | None = None  # guarded by `changed`
        self._starts = 0
        self._thread = threading.Thread(target=self._run, name=f"side process {spec.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def state(self) -> SideProcessState:
        return {
            "name": self._spec.name,
            "running": self._process is not None,
            "restarts": max(0, self._starts - 1),
            "url": self._spec.url,
        }

    def stop(self, deadline: float) -> int | None:
        """Asks the process to end, once and for all, before `deadline` (monotonic); returns its group."""
        with self._changed:
            self._deadline = deadline
            self._stopping.set()
            self._signal(signal.SIGTERM)
            return None if self._process is None else self._process.pid

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def _signal(self, number: signal.Signals) -> None:
        """Signals the whole process group; its leader is not reaped while `_process` is set, so the id is its own."""
        with self._changed:
            if self._process is not None:
                signal_group(self._process.pid, number)

    def _run(self) -> None:
        in_a_row = 0
        while not self._stopping.is_set():
            started_at = self._clock.now()
            outcome = self._run_once()
            if self._stopping.is_set() or not self._spec.restart:
                self._log.note(outcome)
                break
            if (self._clock.now() - started_at).total_seconds() >= self._steady_s:
                in_a_row = 0
            delay_s = self._delays_s[min(in_a_row, len(self._delays_s) - 1)]
            in_a_row += 1
            self._log.note(f"{outcome}; it is started again in {delay_s:g} s")
            self._stopping.wait(delay_s)
        self._log.close()

    def _run_once(self) -> str:
        """Starts the process, waits for its end and returns what to say of it."""
        spec = self._spec
        with self._changed:
            if self._stopping.is_set():
                return "not started"
            self._starts += 1
            try:
                process = subprocess.Popen(
                    command(spec),
                    cwd=spec.cwd,
                    env={**spec.environ, side_guard.MARK: self._mark},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                self._changed.notify_all()
                return f"cannot be started: {error}"
            self._process = process
            self._changed.notify_all()
        reader = threading.Thread(target=self._log.copy, args=(process.stdout,), daemon=True)
        reader.start()
        wait_without_reaping(process)
        if self._stopping.is_set():
            side_guard.wait_for_end(self._mark, self._deadline)
        signal_group(process.pid, signal.SIGKILL)  # what is left of it would be in the way of the next start
        side_guard.kill(self._mark)
        with self._changed:
            status = process.wait()
            self._process = None
            self._changed.notify_all()
        reader.join(1.0)  # longer only when a descendant holds the other end, which `close` ends
        return f"ended with status {status}" if status >= 0 else f"ended by {signal.Signals(-status).name}"


class _Log:
    """A log file that starts over when it is full; the one before stays beside it, as `.1`."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    def note(self, text: str) -> None:
        self.write(f"[zoo] {text}\n".encode())

    def copy(self, stream: IO[bytes]) -> None:
        """Appends all that comes from `stream`, and closes it at its end."""
        with stream:
            while chunk := os.read(stream.fileno(), 65536):
                self.write(chunk)

    def write(self, data: bytes) -> None:
        """Appends `data`; where the disk refuses it, it is lost: a full disk must not stop the process."""
        with self._lock:
            try:
                if self._file is None:
                    self._file = self._path.open("ab", buffering=0)
                if self._file.tell() + len(data) > self._max_bytes:
                    self._file.close()
                    self._file = None
                    self._path.replace(self._path.with_suffix(".log.1"))
                    self._file = self._path.open("ab", buffering=0)
                self._file.write(data[-self._max_bytes :])
            except OSError:
                return

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


def command(spec: SideProcessSpec) -> list[str]:
    """Returns the words to execute, their variables filled in. Raises: ValueError for open quotes."""
    if spec.shell:
        return ["/bin/sh", "-c", spec.cmd]
    return [_filled_in(word, spec.environ) for word in shlex.split(spec.cmd)]


def _filled_in(word: str, environ: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: environ.get(match.group(1) or match.group(2), match.group()), word)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)
