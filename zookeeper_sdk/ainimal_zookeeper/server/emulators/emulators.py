"""The emulators of one zoo: those that run already are used as they are, the others are started, and end with it."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ainimal_zookeeper.domain.errors import InvalidInput, NotFound, Transient, ZookeeperError

from .. import side_guard
from . import snapshot
from .kinds import FIRESTORE, Kind
from .process import STOP_S, EmulatorProcess, free_address

_CONNECT_S = 5.0

# gcloud would ask the network for news.
_OFFLINE = {
    "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
    "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
}


class Emulators:
    """Starts those of `kinds` that `environ` does not name; `lasting`: what they hold is kept in `folder`.

    A guard process ends them where this one is killed.
    """

    def __init__(self, folder: Path, kinds: Iterable[Kind], environ: Mapping[str, str], *, lasting: bool) -> None:
        self._folder = folder
        self._kinds = tuple(kinds)
        self._environ = environ
        self._lasting = lasting
        self._mark = hashlib.sha256(f"emulators of {folder.absolute()}".encode()).hexdigest()[:16]
        self._started: dict[Kind, EmulatorProcess] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """Where their logs are, and what lasts."""
        return self._folder

    @property
    def variables(self) -> dict[str, str]:
        """The variables by which the client libraries find the emulators: given ones, and those of the started."""
        given = {kind.variable: self._environ[kind.variable] for kind in self._kinds if self._is_given(kind)}
        return given | {kind.variable: kind.scheme + process.address for kind, process in self._started.items()}

    @property
    def missing(self) -> list[Kind]:
        """Those that no variable names, and that are to be started."""
        return [kind for kind in self._kinds if not self._is_given(kind)]

    def start(self) -> None:
        """Returns when all of them answer.

        Raises: NotFound that names every missing program, InvalidInput for a variable that holds no address, Transient;
        then none runs that was started here.
        """
        for kind in self._kinds:
            if self._is_given(kind):
                _check(kind, self._environ[kind.variable])
        commands = self._commands()
        if not commands:
            return
        side_guard.end_marked(self._mark, grace_s=STOP_S)  # what a killed zoo left holds the same files
        self._guard = subprocess.Popen(
            [sys.executable, side_guard.__file__, self._mark], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            for kind, (address, command) in commands.items():
                variables = {**self._environ, **_OFFLINE, side_guard.MARK: f"{self._mark}:{kind.name}"}
                folder, log = self._folder / kind.name, self._folder / f"{kind.name}.log"
                self._started[kind] = EmulatorProcess(
                    kind.service, command, address, log, variables=variables, folder=folder
                )
            for process in self._started.values():
                process.wait()
        except BaseException:
            self.end()
            raise

    def watch(self, on_end: Callable[[ZookeeperError], None]) -> None:
        """Calls `on_end` in another thread for each that was started here and ends though nobody asked it to."""
        for process in self._started.values():
            process.watch(lambda said: on_end(Transient(f"{said}\nStart the zoo again.")))

    def lacks(self, kind: Kind) -> bool:
        """Tells whether the emulator of `kind` was started here and has ended."""
        return kind in self._started and not self._started[kind].lives

    def save(self, project: str, database: str) -> None:
        """Keeps what would be forgotten, where it is to last. Raises: Transient."""
        firestore = self._started.get(FIRESTORE)
        if self._lasting and firestore is not None:
            snapshot.save(firestore.address, project, database, self._folder / FIRESTORE.name)

    def end(self) -> None:
        """Returns when nothing is left of those that were started here. Idempotent."""
        for process in self._started.values():
            process.ask_to_end()
        for process in self._started.values():
            process.end()
        self._dismiss_guard()

    def kill(self) -> None:
        """Ends them at once; the guard sees to what is left."""
        for process in self._started.values():
            process.kill()

    def _is_given(self, kind: Kind) -> bool:
        return bool(self._environ.get(kind.variable))

    def _commands(self) -> dict[Kind, tuple[str, list[str]]]:
        commands: dict[Kind, tuple[str, list[str]]] = {}
        problems: dict[str, str] = {}
        for kind in self.missing:
            address, folder = free_address(), self._folder / kind.name
            folder.mkdir(parents=True, exist_ok=True)
            try:
                commands[kind] = address, kind.command(address, folder.absolute(), self._lasting)
            except NotFound as error:
                problems[kind.variable] = error.message
        if problems:
            told = "\n".join(dict.fromkeys(problems.values()))
            raise NotFound(f"{told}\nor name emulators that run already: set {', '.join(problems)}")
        return commands

    def _dismiss_guard(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None


def _check(kind: Kind, given: str) -> None:
    """Raises: InvalidInput, Transient where nobody answers: client libraries try for minutes before they say so."""
    host, _, port = given.removeprefix(kind.scheme).rpartition(":")
    if not given.startswith(kind.scheme) or not host or "/" in host or not port.isdecimal():
        raise InvalidInput(f"{kind.variable} is {given!r}; name it as {kind.scheme}127.0.0.1:8080")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise Transient(
            f"{kind.variable} names {given}, where nobody answers; start the emulator of {kind.service} there, or "
            "unset the variable, and the zoo starts one"
        ) from error
