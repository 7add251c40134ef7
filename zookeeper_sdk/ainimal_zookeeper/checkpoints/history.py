"""History: the commits of a model's code that its checkpoints began with, kept beside them where that is little.

Each pack holds the history of one commit, less what earlier packs hold, and is named by that commit and its own
SHA-256. A history that is long or big stays where it is: a clone then ends before it, as shallow clones do, and can be
completed from there.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Container, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from dulwich.errors import ChecksumMismatch, FileFormatException
from dulwich.object_format import SHA1
from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.pack import write_pack_objects

from ainimal_zookeeper.domain.errors import Conflict, DataCorrupt, InvalidInput
from ainimal_zookeeper.ports.bucket import Bucket

if TYPE_CHECKING:
    from dulwich.object_store import BaseObjectStore, PackBasedObjectStore

    from .source import SourceRepository

MAX_OBJECTS = 2_000
MAX_BYTES = 16 << 20  # before compression


class History:
    """The history of code below `prefix`."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}history/"

    def keep(self, source: SourceRepository, commit: ObjectID) -> bool:
        """Keeps a commit of `source` with all before it.

        Returns False where that is too much, not whole there, or not to be read: checkpoints do well without it.
        """
        if any(True for _ in self._packs(commit.decode())):
            return True
        known = {kept for _, kept, _ in self._packs()}
        try:
            with source.opened() as opened:
                found = _collect(opened.object_store, commit, known)
        except (_TooMuch, *_NOT_WHOLE):
            return False
        pack = io.BytesIO()
        write_pack_objects(pack, found, SHA1)
        name = f"{self._prefix}{commit.decode()}-{hashlib.sha256(pack.getvalue()).hexdigest()}.pack"
        with suppress(Conflict):  # somebody else has kept it meanwhile
            self._bucket.put(name, pack.getvalue(), if_generation=0, content_type="application/x-git-packed-objects")
        return True

    def copy_to(self, store: PackBasedObjectStore) -> None:
        """Adds all that is kept to a repository on disk. Raises: DataCorrupt for a pack that has been altered."""
        for name, commit, sha256 in list(self._packs()):
            content = self._bucket.get(name)
            found = hashlib.sha256(content).hexdigest()
            if found != sha256:
                raise DataCorrupt(f"{name}, a pack of the history of code, has been altered: its SHA-256 is {found}")
            file, finish, _ = store.add_pack()
            file.write(content)
            finish()
            if commit not in store:
                raise DataCorrupt(
                    f"{name}, a pack of the history of code, does not have the commit that it is named for"
                )

    def _packs(self, commit: str = "") -> Iterator[tuple[str, ObjectID, str]]:
        """Yields name, commit, and SHA-256 of each pack."""
        for info in self._bucket.list(self._prefix + commit):
            named, _, sha256 = info.name.removeprefix(self._prefix).removesuffix(".pack").partition("-")
            yield info.name, ObjectID(named.encode()), sha256


class _Budget:
    """What may still be taken. Raises: _TooMuch."""

    def __init__(self) -> None:
        self._objects = MAX_OBJECTS
        self._bytes = MAX_BYTES

    def take(self, size: int) -> None:
        self._objects -= 1
        self._bytes -= size
        if self._objects < 0 or self._bytes < 0:
            raise _TooMuch


class _TooMuch(Exception):
    """More objects or bytes than are kept."""


_NOT_WHOLE = (KeyError, FileFormatException, ChecksumMismatch, InvalidInput, OSError, zlib.error)
"""What may come of reading a repository: shallow, partial, altered, gone, or with objects that git does not like."""


def _collect(store: BaseObjectStore, commit: ObjectID, kept: Container[ObjectID]) -> list[ShaFile]:
    """Returns the objects of a commit and all before it, but for what the commits in `kept` have.

    Raises: _TooMuch, and what is in _NOT_WHOLE.
    """
    budget = _Budget()
    newer, known = _commits_of(store, commit, kept, budget)
    seen = set[ObjectID]()
    for item in known:
        for _ in _content_of(store, item.tree, seen):
            pass
    content = list[ShaFile]()
    for item in newer:
        for found in _content_of(store, item.tree, seen):
            budget.take(found.raw_length())
            content.append(found)
    for found in (*newer, *content):
        found.check()
    return [*newer, *content]


def _commits_of(
    store: BaseObjectStore, commit: ObjectID, kept: Container[ObjectID], budget: _Budget
) -> tuple[list[Commit], list[Commit]]:
    """Returns the commits that are not kept, and those of the kept ones that come right before them."""
    newer, known = list[Commit](), list[Commit]()
    waiting, seen = [commit], {commit}
    while waiting:
        name = waiting.pop()
        found = store[name]
        if not isinstance(found, Commit):
            raise KeyError(name)
        if name in kept:
            known.append(found)
            continue
        budget.take(found.raw_length())
        newer.append(found)
        fresh = [parent for parent in found.parents if parent not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return newer, known


def _content_of(store: BaseObjectStore, tree: ObjectID, seen: set[ObjectID]) -> Iterator[ShaFile]:
    """Yields the tree and all below it that has not been seen."""
    waiting = [tree]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = store[name]
        yield found
        if isinstance(found, Tree):
            waiting.extend(entry.sha for entry in found.items() if not S_ISGITLINK(entry.mode))
        elif not isinstance(found, Blob):
            raise KeyError(name)
