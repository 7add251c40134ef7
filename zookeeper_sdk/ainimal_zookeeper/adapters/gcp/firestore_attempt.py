"""One attempt at a transaction: what it read, and what it wants to write."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from google.cloud import firestore

from ainimal_zookeeper.domain.documents import Document, Ref, nests_lists


class Overtaken(Exception):
    """What the attempt read has changed since."""


class Reader(Protocol):
    def __call__(self, refs: Sequence[Ref], *, at: datetime | None = None) -> list[firestore.DocumentSnapshot]: ...


class Attempt:
    """A `Transaction`. All its reads see the moment of the first."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._at: datetime | None = None
        self.reads: dict[Ref, firestore.DocumentSnapshot] = {}
        self.writes: dict[Ref, Document | None] = {}

    def get(self, ref: Ref) -> Document | None:
        return self.get_many([ref])[0]

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        if self.writes:
            raise RuntimeError(f"{list(refs)} are read after a write; read everything before the first write")
        snapshots = self._read(refs, at=self._at)
        if snapshots and self._at is None:
            self._at = max(snapshot.read_time for snapshot in snapshots)
        self.reads.update(zip(refs, snapshots, strict=True))
        return [snapshot.to_dict() for snapshot in snapshots]

    def put(self, ref: Ref, document: Document) -> None:
        if nests_lists(document):
            raise RuntimeError(f"document {ref.collection}/{ref.id} holds a list in a list; store it as a JSON string")
        self.writes[ref] = copy.deepcopy(document)

    def delete(self, ref: Ref) -> None:
        self.writes[ref] = None

    @property
    def writes_all_it_read(self) -> bool:
        """Tells whether preconditions on its writes check all that it read."""
        return all(
            ref in self.writes and (snapshot.exists or self.writes[ref] is not None)
            for ref, snapshot in self.reads.items()
        )

    def differs_from(self, now: Sequence[firestore.DocumentSnapshot]) -> bool:
        """Tells whether any document was read in another version than it has `now`, in the same order."""
        return any(
            before.update_time != after.update_time for before, after in zip(self.reads.values(), now, strict=True)
        )

    def fill(self, batch: Any, locate: Callable[[Ref], firestore.DocumentReference]) -> None:
        """Adds the writes to `batch`, each with the precondition that its document is as it was read."""
        for ref, document in self.writes.items():
            where, before = locate(ref), self.reads.get(ref)
            if before is not None and not before.exists:
                if document is not None:
                    batch.create(where, document)
            elif before is None or not (document or before.to_dict()):
                if document is None:
                    batch.delete(where)
                else:
                    batch.set(where, document)
            else:
                unchanged = firestore.Client.write_option(last_update_time=before.update_time)
                if document is None:
                    batch.delete(where, option=unchanged)
                else:
                    # `set` takes no precondition; an update of all fields, old and new, does the same.
                    gone = dict.fromkeys(before.to_dict().keys() - document.keys(), firestore.DELETE_FIELD)
                    fields = {firestore.Client.field_path(name): value for name, value in {**document, **gone}.items()}
                    batch.update(where, fields, option=unchanged)
