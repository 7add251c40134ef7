"""Tags in a bucket: each is one small object that names a git object, taken and moved by one writer at most."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dulwich.objects import ObjectID, valid_hexsha

from ainimal_zookeeper.domain.errors import AlreadyExists, Conflict, DataCorrupt, NotFound
from ainimal_zookeeper.ports.bucket import Bucket

from .names import check_tag
from .objects import AT_ONCE

_SIZE = 41  # 40 digits and a line's end, as in git's own files


@dataclass(frozen=True, slots=True)
class Target:
    """What a tag names, and the generation of the object that says so."""

    id: ObjectID
    generation: int


class Tags:
    """The tags below `prefix`. All methods may be called by several threads and processes at once."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}refs/tags/"

    def get(self, tag: str) -> ObjectID | None:
        """Returns what a tag names; None where there is no such tag. Raises: InvalidInput, DataCorrupt."""
        check_tag(tag)
        try:
            content = self._bucket.get(self._prefix + tag)
        except NotFound:
            return None
        digits = content[:-1]
        if len(content) != _SIZE or content[-1:] != b"\n" or not valid_hexsha(digits):
            raise DataCorrupt(f"{self._prefix}{tag} names no git object; it begins with {content[:_SIZE]!r}")
        return ObjectID(digits)

    def get_all(self) -> dict[str, ObjectID]:
        """Returns what each tag names. Raises: DataCorrupt."""
        names = list(self)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = zip(names, pool.map(self.get, names), strict=True)
            return {tag: target for tag, target in found if target is not None}  # None: deleted since it was listed

    def locate(self, tag: str) -> Target:
        """Returns what a tag names, to be passed to `move`. Raises: NotFound, InvalidInput, DataCorrupt."""
        while True:
            before, named = self._info(tag), self.get(tag)
            if named is not None and self._info(tag) == before:  # nobody has moved it in between
                return Target(named, before)

    def create(self, tag: str, id: ObjectID) -> None:
        """Takes a tag; taking it again for the same object is success. Raises: AlreadyExists."""
        check_tag(tag)
        try:
            self._put(tag, id, 0)
        except Conflict:
            if self.get(tag) != id:
                raise AlreadyExists(f"there is a tag {tag} already; choose another name") from None

    def move(self, tag: str, id: ObjectID, instead_of: Target) -> None:
        """Lets a tag name another object. Raises: Conflict when it does not name `instead_of` any more."""
        check_tag(tag)
        try:
            self._put(tag, id, instead_of.generation)
        except Conflict:
            if self.get(tag) != id:
                raise Conflict(f"somebody else has moved or deleted the tag {tag}; look at it again") from None

    def delete(self, tag: str) -> None:
        """Raises: NotFound, Conflict when it is moved meanwhile."""
        generation = self._info(tag)
        try:
            self._bucket.delete(self._prefix + tag, if_generation=generation)
        except (NotFound, Conflict):
            if self.get(tag) is not None:
                raise Conflict(f"somebody else has moved the tag {tag}; look at it again") from None

    def __iter__(self) -> Iterator[str]:
        """Yields the names in their order."""
        for info in self._bucket.list(self._prefix):
            yield info.name.removeprefix(self._prefix)

    def _info(self, tag: str) -> int:
        check_tag(tag)
        info = self._bucket.info(self._prefix + tag)
        if info is None:
            raise NotFound(f"there is no tag {tag}")
        return info.generation

    def _put(self, tag: str, id: ObjectID, over: int) -> None:
        self._bucket.put(self._prefix + tag, id + b"\n", if_generation=over, content_type="text/plain")
