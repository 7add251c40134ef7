"""An emulator as a process: in a group of its own, so that all that it starts ends with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from ainimal_zookeeper.domain.errors import Transient

from ..process_group import has_members, signal_group, wait_without_reaping

START_S = 120.0  # a Java emulator on a busy machine
STOP_S = 10.0
_KILLED_S = 2.0
_POLL_S = 0.05
_PROBE_S = 5.0
_LAST_WORDS_LINES = 12


def free_address() -> str:
    """Returns "127.0.0.1:PORT" where nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class EmulatorProcess:
    """Runs `command`, which answers HTTP at `address` some time later and writes to the file `log`. Thread-safe.

    gcloud starts a shell that starts Java: the whole group is one emulator, and has ended when none of it is left.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        address: str,
        log: Path,
        *,
        variables: Mapping[str, str] = os.environ,
        folder: Path | None = None,
    ) -> None:
        """`folder` is where it runs. Raises: Transient where the program cannot be run."""
        self.name = name
        self.address = address
        self._log = log
        self._ending = threading.Event()
        self._ended = threading.Event()
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    command,
                    env=dict(variables),
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise Transient(f"the emulator of {name} cannot be started: {error}") from error
        threading.Thread(target=self._watch, name=f"emulator {name}", daemon=True).start()

    @property
    def lives(self) -> bool:
        return not self._ended.is_set()

    def wait(self, patience_s: float = START_S) -> None:
        """Returns when it answers. Raises: Transient with its last words when it ends before, or does not."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if self._ended.is_set():
                raise Transient(f"the emulator of {self.name} ended while it started{self.last_words()}")
            if self._answers():
                return
            self._ended.wait(_POLL_S)
        raise Transient(f"the emulator of {self.name} does not answer after {patience_s:g} s{self.last_words()}")

    def watch(self, on_end: Callable[[str], None]) -> None:
        """Calls `on_end`, once and in another thread, with what to say when it ends though nobody asked it to."""

        def wait_for_the_end() -> None:
            self._ended.wait()
            if not self._ending.is_set():
                on_end(f"the emulator of {self.name} has ended on its own{self.last_words()}")

        threading.Thread(target=wait_for_the_end, name=f"watch {self.name}", daemon=True).start()

    def ask_to_end(self) -> None:
        """Sends SIGTERM to the group, the first time that this is called."""
        if not self._ending.is_set():
            self._ending.set()
            signal_group(self._process.pid, signal.SIGTERM)

    def end(self, patience_s: float = STOP_S) -> None:
        """Returns when nothing of the group is left; what does not go within `patience_s` is killed. Idempotent."""
        self.ask_to_end()
        for number, wait_s in ((None, patience_s), (signal.SIGKILL, _KILLED_S)):
            if number is not None:
                signal_group(self._process.pid, number)
            if self._has_gone(time.monotonic() + wait_s):
                return

    def kill(self) -> None:
        """Ends the group at once."""
        self._ending.set()
        signal_group(self._process.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """Returns where its log is and how that ends, as the end of a sentence."""
        lines = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        if not lines:
            return f"; its log, {self._log}, is empty"
        return "\n".join([f"; its log, {self._log}, ends with:", *lines[-_LAST_WORDS_LINES:]])

    def _watch(self) -> None:
        wait_without_reaping(self._process)
        self._ended.set()

    def _has_gone(self, deadline: float) -> bool:
        # The group outlives its leader where gcloud ends before what it started; one that nobody reaps stays in it.
        if not self._ended.wait(max(0.0, deadline - time.monotonic())):
            return False
        self._process.wait()
        while has_members(self._process.pid):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def _answers(self) -> bool:
        try:
            httpx.get(f"http://{self.address}/", timeout=_PROBE_S, trust_env=False)
        except httpx.TransportError:
            return False
        return True
