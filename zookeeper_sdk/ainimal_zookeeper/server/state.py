"""The state directory: where one running zoo keeps everything it must not forget."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ainimal_zookeeper.domain.errors import AlreadyExists, InvalidInput
from ainimal_zookeeper.profiles.settings import SECRET_BYTES


class StateDirectory:
    """A directory that this process holds alone until `close`, or until it dies.

    Raises: InvalidInput when it cannot be made or written; AlreadyExists while another zoo holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock: IO[str] = (self.path / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise _unwritable(self.path, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = self._holder()
            self._lock.close()
            raise AlreadyExists(
                f"another zoo{holder} runs on {self.path}; use that one, stop it, or give this one another --state-dir"
            ) from error
        try:
            self._ignore_in_git()
            self.secret = self._secret()
        except OSError as error:
            self.close()
            raise _unwritable(self.path, error) from error
        except InvalidInput:
            self.close()
            raise

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def left_port(self) -> int | None:
        """Where the last zoo here served, if it was killed: runners that survived it still ask there."""
        try:
            return urlsplit(str(self._noted()["url"])).port
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def announce(self, url: str) -> None:
        """Notes who holds the directory and where it serves, for whoever finds it held."""
        self._lock.seek(0)
        self._lock.truncate()
        json.dump({"pid": os.getpid(), "url": url}, self._lock)
        self._lock.flush()

    def close(self) -> None:
        """Lets the directory go. The lock file stays: removing it would let two zoos hold two files of one name."""
        with suppress(OSError):
            self._lock.truncate(0)
        self._lock.close()

    def _holder(self) -> str:
        try:
            noted = self._noted()
            return f" ({noted['url']}, process {noted['pid']})"
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _noted(self) -> dict[str, Any]:
        self._lock.seek(0)
        noted: dict[str, Any] = json.load(self._lock)
        return noted

    def _ignore_in_git(self) -> None:
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")

    def _secret(self) -> bytes:
        """Returns the secret that all tokens are made of; made once, readable by this user only."""
        path = self.path / "secret"
        if not path.exists():
            # Written whole under another name first: a crash leaves no half secret behind.
            fresh = self.path / "secret.new"
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(SECRET_BYTES))
            fresh.rename(path)
        secret = path.read_bytes()
        if len(secret) < SECRET_BYTES:
            raise InvalidInput(f"{path} holds {len(secret)} bytes instead of {SECRET_BYTES}; remove it and start again")
        return secret


def _unwritable(path: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"the state directory {path} cannot be written ({error.strerror or error}); "
        "make it writable or choose another with --state-dir"
    )
