"""The variables beside a configuration, as they are whenever a runner needs one."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.domain.references import is_own

from .problems import ConfigurationError
from .references import SECRETS_FILE, Variables

_FileState = tuple[int, int] | None


class SecretsBeside:
    """A `Secrets` of the environment and of `.env.local`, which is read again when it has changed."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._states: tuple[_FileState, ...] | None = None
        self._lock = threading.Lock()

    @classmethod
    def of_folder(cls, folder: Path, environ: Mapping[str, str]) -> SecretsBeside:
        """Returns those of the configuration in `folder`. Raises: ConfigurationError when they cannot be read."""
        return cls(Variables(environ).beside(folder))

    def get(self, name: str) -> str | None:
        return None if is_own(name) else self._current().all.get(name)

    def advice(self, name: str) -> str:
        return f"write {name}=... into {SECRETS_FILE} beside the configuration, or export it before the zoo starts"

    def _current(self) -> Variables:
        with self._lock:
            states = tuple(_state(path) for path in self._variables.files)
            if states != self._states:
                try:
                    self._variables = Variables(self._variables.environ, self._variables.files)
                except ConfigurationError as error:
                    raise Transient(error.message) from error
                self._states = states
            return self._variables


def _state(path: Path) -> _FileState:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
