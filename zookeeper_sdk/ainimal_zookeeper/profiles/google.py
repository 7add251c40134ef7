"""The profiles on Firestore, Pub/Sub and Cloud Storage: on Google Cloud, and on its emulators."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock
from ainimal_zookeeper.adapters.embedded.identity import LoopbackIdentity
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.ports.identity import Identity

from .settings import ProfileName, ProfileSettings

if TYPE_CHECKING:
    from ainimal_zookeeper.adapters.embedded.compute import ProcessCompute
    from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
    from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue
    from ainimal_zookeeper.adapters.gcp.storage import StorageBucket


class GoogleProfile:
    """A `Profile`. Each library of Google's is imported with the port that wants it: a cold start waits for one."""

    def __init__(self, settings: ProfileSettings) -> None:
        self._settings = settings
        self.name: ProfileName = settings.name
        self.secret = settings.secret
        self.clock = SystemClock()
        self.ids = RandomIds()

    @cached_property
    def store(self) -> FirestoreStore:
        from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore

        return FirestoreStore(self._settings.project, database=self._settings.database)

    @cached_property
    def queue(self) -> PubsubQueue:
        from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue

        return PubsubQueue(self._settings.project, prefix=self._settings.topic_prefix)

    @cached_property
    def bucket(self) -> StorageBucket:
        from ainimal_zookeeper.adapters.gcp.storage import StorageBucket

        return StorageBucket(self._settings.bucket, project=self._settings.project)

    @cached_property
    def compute(self) -> ProcessCompute:
        from ainimal_zookeeper.adapters.embedded.compute import ProcessCompute

        if self.name == "gcp":
            raise InvalidInput(
                "this version runs instances as processes of one machine, which Google Cloud has none of; "
                "use the profile 'emulators' or 'embedded'"
            )
        return ProcessCompute(self._settings.state_dir / "jobs", self.clock, home=self._settings.home)

    @cached_property
    def dialer(self) -> LoopbackDialer:
        return LoopbackDialer()

    @cached_property
    def identity(self) -> Identity:
        """On the emulators nobody needs an account, unless one of them keeps accounts."""
        emulator = self.name == "emulators"
        if emulator and not self._settings.auth_emulator:
            return LoopbackIdentity()
        from ainimal_zookeeper.adapters.gcp.firebase import FirebaseIdentity

        return FirebaseIdentity(
            self._settings.project,
            clock=self.clock,
            emulator=emulator,
            check_revoked=self._settings.check_revoked,
        )

    def close(self) -> None:
        for port in ("queue", "bucket", "identity", "store"):
            if port in self.__dict__:
                getattr(self, port).close()
