"""Buckets for tests: one in memory, one that counts what is asked of it, and one whose process is killed."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import BinaryIO

from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, NotFound
from ainimal_zookeeper.ports.bucket import Bucket, ObjectInfo, Share, SignedUrl


class Killed(BaseException):
    """What kill -9 is to a process: nothing that is meant to catch errors sees it."""


class MemoryBucket:
    """A `Bucket` in memory, for tests that need many objects; it makes no links."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, ObjectInfo]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def put(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        content = data if isinstance(data, bytes) else data.read()
        with self._lock:
            self._check(name, if_generation)
            self._generation += 1
            sha256 = hashlib.sha256(content).hexdigest()
            info = ObjectInfo(name, len(content), self._generation, sha256, content_type)
            self._objects[name] = (content, info)
        return info

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        try:
            return self._objects[name][0][start:end]
        except KeyError:
            raise NotFound(f"object {name} does not exist") from None

    def info(self, name: str) -> ObjectInfo | None:
        found = self._objects.get(name)
        return None if found is None else found[1]

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        for name in sorted(self._objects):
            if name.startswith(prefix):
                yield self._objects[name][1]

    def delete(self, name: str, *, if_generation: int | None = None) -> None:
        with self._lock:
            self._check(name, if_generation)
            if self._objects.pop(name, None) is None:
                raise NotFound(f"object {name} does not exist")

    def sign_get(self, name: str, expires_s: float = 900) -> SignedUrl:
        raise InvalidInput(f"there are no links to {name} in memory")

    def sign_put(self, name: str, size_bytes: int, expires_s: float = 900) -> SignedUrl:
        raise InvalidInput(f"there are no links to {name} in memory")

    def share(self, prefix: str, lifetime_s: float = 3600) -> Share:
        """Says what was shared for how long; nobody answers there."""
        expires_at = datetime(2100, 1, 1, tzinfo=timezone.utc)
        return Share(f"memory://{prefix}", expires_at, {"Authorization": f"Share {lifetime_s:g}"})

    def _check(self, name: str, wanted: int | None) -> None:
        found = self.info(name)
        if wanted is not None and wanted != (found.generation if found else 0):
            raise Conflict(f"object {name} is not at generation {wanted}")


class CountingBucket:
    """Passes all on to `inner`, and counts the calls by method."""

    def __init__(self, inner: Bucket) -> None:
        self.inner = inner
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def put(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        self._count("put")
        return self.inner.put(name, data, if_generation=if_generation, content_type=content_type)

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        self._count("get")
        return self.inner.get(name, start, end)

    def info(self, name: str) -> ObjectInfo | None:
        self._count("info")
        return self.inner.info(name)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self._count("list")
        return self.inner.list(prefix)

    def delete(self, name: str, *, if_generation: int | None = None) -> None:
        self._count("delete")
        self.inner.delete(name, if_generation=if_generation)

    def sign_get(self, name: str, expires_s: float = 900) -> SignedUrl:
        return self.inner.sign_get(name, expires_s)

    def sign_put(self, name: str, size_bytes: int, expires_s: float = 900) -> SignedUrl:
        return self.inner.sign_put(name, size_bytes, expires_s)

    def share(self, prefix: str, lifetime_s: float = 3600) -> Share:
        return self.inner.share(prefix, lifetime_s)

    def _count(self, method: str) -> None:
        with self._lock:
            self.calls[method] += 1


class MortalBucket(CountingBucket):
    """Carries out `writes` changes and is dead from then on; with `acts` one more is made, of which nobody hears."""

    def __init__(self, inner: Bucket, writes: int, *, acts: bool = False) -> None:
        super().__init__(inner)
        self._left = writes
        self._acts = acts

    @property
    def is_dead(self) -> bool:
        return self._left < 0

    def put(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        with self._lock:
            self._left -= 1
            left = self._left
        if left < 0 and not (left == -1 and self._acts):
            raise Killed
        info = self.inner.put(name, data, if_generation=if_generation, content_type=content_type)
        if left < 0:
            raise Killed
        return info

    def _count(self, method: str) -> None:
        if self.is_dead:
            raise Killed
        super()._count(method)
