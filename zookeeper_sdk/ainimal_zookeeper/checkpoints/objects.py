"""Git objects in a bucket: each is one object of it, as git keeps a loose one, and is written once."""

from __future__ import annotations

import io
import zlib
from collections.abc import Container, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from dulwich.errors import ChecksumMismatch, FileFormatException
from dulwich.objects import ObjectID, ShaFile

from ainimal_zookeeper.domain.errors import Conflict, DataCorrupt, NotFound
from ainimal_zookeeper.ports.bucket import Bucket

Kind = TypeVar("Kind", bound=ShaFile)

AT_ONCE = 16  # a bucket is far away: reading and writing are waiting, not work


class GitObjects:
    """The git objects below `prefix`. All methods may be called by several threads and processes at once."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix

    def add(self, written: ShaFile) -> None:
        """Writes an object, unless it is there: an object of that id is this one."""
        with suppress(Conflict):
            self._bucket.put(self._name(written.id), written.as_legacy_object(), if_generation=0)

    def add_all(self, written: Iterable[ShaFile], shared: Container[ObjectID] = ()) -> None:
        """Writes objects in no order, several at once. All are there when it returns.

        `shared` are those that most savers write: they are looked for first, for Cloud Storage slows down whoever
        writes one name more than once a second.
        """

        def write(item: ShaFile) -> None:
            if item.id not in shared or self._bucket.info(self._name(item.id)) is None:
                self.add(item)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(write, written):
                pass

    def find(self, id: ObjectID) -> ShaFile | None:
        """Returns an object; None where it is missing. Raises: DataCorrupt when its bytes are not what its id says."""
        try:
            content = self._bucket.get(self._name(id))
        except NotFound:
            return None
        try:
            found = ShaFile.from_file(io.BytesIO(content))
            intact = found.id == id
        except (FileFormatException, ChecksumMismatch, ValueError, AssertionError, zlib.error) as error:
            raise DataCorrupt(
                f"git object {self._name(id)} cannot be read: {error}; keep it and tell who runs the zoo"
            ) from error
        if not intact:
            raise DataCorrupt(
                f"git object {self._name(id)} has been altered: its bytes have the id {found.id.decode()}"
            )
        return found

    def read(self, id: ObjectID, kind: type[Kind], of: str) -> Kind:
        """Returns an object that `of` needs. Raises: DataCorrupt when it is missing, altered, or of another kind."""
        found = self.find(id)
        if found is None:
            raise DataCorrupt(f"git object {self._name(id)} of {of} is missing")
        if not isinstance(found, kind):
            raise DataCorrupt(
                f"git object {self._name(id)} of {of} is a {found.type_name.decode()}, not a {kind.type_name.decode()}"
            )
        return found

    def find_all(self, ids: Iterable[ObjectID]) -> dict[ObjectID, ShaFile | None]:
        """Returns objects by id, several read at once."""
        wanted = list(dict.fromkeys(ids))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(self.find, wanted), strict=True))

    def _name(self, id: ObjectID) -> str:
        text = id.decode()
        return f"{self._prefix}objects/{text[:2]}/{text[2:]}"
