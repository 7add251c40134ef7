"""One attempt at a transaction: what it read, and what it wants to write."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from google.cloud.firestore_v1.types import write as wire

from ainimal_zookeeper.domain.documents import Document, Ref, nests_lists

from .firestore_reading import Read
from .firestore_values import encoded

_WireWrite: Any = wire.Write.pb()


class Reader(Protocol):
    def __call__(self, refs: Sequence[Ref], *, at: Any = None) -> list[Read]: ...


class Attempt:
    """A `Transaction`. All its reads see the moment of the first, and none is made twice."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._at: Any = None
        self.reads: dict[Ref, Read] = {}
        self.writes: dict[Ref, Document | None] = {}

    def get(self, ref: Ref) -> Document | None:
        return self.get_many([ref])[0]

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        if self.writes:
            raise RuntimeError(f"{list(refs)} are read after a write; read everything before the first write")
        new = [ref for ref in dict.fromkeys(refs) if ref not in self.reads]
        reads = self._read(new, at=self._at)
        if reads and self._at is None:
            self._at = max(reads, key=lambda read: read.read_at).read_time
        self.reads.update(zip(new, reads, strict=True))
        return [self.reads[ref].document() for ref in refs]

    def put(self, ref: Ref, document: Document) -> None:
        if nests_lists(document):
            raise RuntimeError(f"document {ref.collection}/{ref.id} holds a list in a list; store it as a JSON string")
        self.writes[ref] = copy.deepcopy(document)

    def delete(self, ref: Ref) -> None:
        self.writes[ref] = None

    def differs_from(self, now: Sequence[Read], refs: Sequence[Ref]) -> bool:
        """Tells whether any of `refs` was read in another version than it has `now`, in the same order."""
        return any(self.reads[ref].version != after.version for ref, after in zip(refs, now, strict=True))

    def messages(self, name: Callable[[Ref], str]) -> list[Any]:
        """Returns the writes, each with the precondition that its document is as it was read. Raises: InvalidInput.

        What was read and is not written gets a write that changes nothing, for the sake of its precondition: a
        transaction of Firestore's would check it, too, but if this process died before the commit, its locks would keep
        everybody from writing these documents for a minute.
        """
        writes = [self._message(ref, document, name(ref)) for ref, document in self.writes.items()]
        return writes + [_check(read, name(ref)) for ref, read in self.reads.items() if ref not in self.writes]

    def _message(self, ref: Ref, document: Document | None, name: str) -> Any:
        message = _WireWrite(delete=name) if document is None else _WireWrite(update=encoded(name, document))
        before = self.reads.get(ref)
        return message if before is None else _if_unchanged(message, before)


def _check(read: Read, name: str) -> Any:
    message = _WireWrite(update={"name": name}, update_mask={}) if read.exists else _WireWrite(delete=name)
    return _if_unchanged(message, read)


def _if_unchanged(message: Any, before: Read) -> Any:
    if before.exists:
        message.current_document.update_time.CopyFrom(before.message.update_time)
    else:
        message.current_document.exists = False
    return message
