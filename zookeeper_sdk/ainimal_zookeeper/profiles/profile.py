"""Profile: the ports of one place where a zoo runs."""

from __future__ import annotations

from typing import Protocol

from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.compute import Compute
from ainimal_zookeeper.ports.identity import Identity
from ainimal_zookeeper.ports.live import LiveDialer
from ainimal_zookeeper.ports.queue import Queue
from ainimal_zookeeper.ports.store import DocumentStore

from .settings import ProfileName


class Profile(Protocol):
    """Each port is opened when it is first asked for, by the composition root in one thread, and stays the same.

    Raises: Transient, DataCorrupt or InvalidInput from a port that cannot be opened.
    """

    @property
    def name(self) -> ProfileName: ...

    @property
    def secret(self) -> bytes:
        """What all tokens of the zoo are made of."""
        ...

    @property
    def clock(self) -> Clock: ...

    @property
    def ids(self) -> Ids: ...

    @property
    def store(self) -> DocumentStore: ...

    @property
    def queue(self) -> Queue: ...

    @property
    def bucket(self) -> Bucket: ...

    @property
    def compute(self) -> Compute: ...

    @property
    def dialer(self) -> LiveDialer: ...

    @property
    def identity(self) -> Identity: ...

    def close(self) -> None:
        """Closes what was opened, but for the compute: its jobs may outlive this process."""
        ...
