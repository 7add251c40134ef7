"""The embedded profile: one machine, files in one directory."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock
from ainimal_zookeeper.adapters.embedded.identity import LoopbackIdentity
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.adapters.embedded.queue import SqliteQueue
from ainimal_zookeeper.adapters.embedded.store import SqliteStore

from .settings import ProfileName

if TYPE_CHECKING:
    from ainimal_zookeeper.adapters.embedded.compute import ProcessCompute


class EmbeddedProfile:
    """A `Profile` on a state directory, which other processes may have open, too."""

    name: ProfileName = "embedded"

    def __init__(self, state_dir: Path, public_url: str, secret: bytes, home: Path | None = None) -> None:
        """`public_url` is where runners reach the zoo; links to objects start with it. `home`: see `ProcessCompute`."""
        self._state_dir = state_dir
        self._public_url = public_url
        self._home = home
        self.secret = secret
        self.clock = SystemClock()
        self.ids = RandomIds()

    @cached_property
    def store(self) -> SqliteStore:
        return SqliteStore(self._state_dir / "zoo.sqlite3")

    @cached_property
    def queue(self) -> SqliteQueue:
        return SqliteQueue(self._state_dir / "queue.sqlite3")

    @cached_property
    def bucket(self) -> DirectoryBucket:
        return DirectoryBucket(self._state_dir / "bucket", f"{self._public_url}/bucket", self.secret, self.clock)

    @cached_property
    def compute(self) -> ProcessCompute:
        from ainimal_zookeeper.adapters.embedded.compute import ProcessCompute  # psutil is the launcher's alone

        return ProcessCompute(self._state_dir / "jobs", self.clock, home=self._home)

    @cached_property
    def dialer(self) -> LoopbackDialer:
        return LoopbackDialer()

    @cached_property
    def identity(self) -> LoopbackIdentity:
        return LoopbackIdentity()

    def close(self) -> None:
        for port in ("queue", "store"):
            if port in self.__dict__:
                getattr(self, port).close()
