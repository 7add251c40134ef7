"""Discarding: a checkpoint goes away for everybody at once, and then what it has left: its tag and its payload.

The document goes in one transaction, which notes what is left; so that whoever is killed afterwards leaves a note, and
whoever comes next clears up. The commit stays, for those that grew from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import cast

from dulwich.objects import ObjectID

from ainimal_zookeeper.domain import lifecycle, queries
from ainimal_zookeeper.domain.documents import (
    CheckpointDoc,
    Collections,
    DiscardDoc,
    Document,
    InstanceDoc,
    Ref,
    WithdrawalDoc,
)
from ainimal_zookeeper.domain.errors import InvalidTransition, NotFound
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from .repository import Repository

Writes = Sequence[tuple[Ref, Document]]

_PAGE = 50


class Discards:
    """Thread-safe; several processes may discard the same checkpoint at once."""

    def __init__(self, *, store: DocumentStore, bucket: Bucket, clock: Clock) -> None:
        self._store = store
        self._bucket = bucket
        self._clock = clock

    def discard(self, id: str, allow: Callable[[CheckpointDoc], Writes]) -> None:
        """Takes a checkpoint away. `allow` raises where that may not be, and returns what is written with it.

        Raises: NotFound; InvalidTransition while an instance would go on from it; what `allow` raises; Transient.
        """
        ref = Ref(Collections.CHECKPOINTS, id)
        left: DiscardDoc | None = None
        while left is None:
            seen = self._found(self._store.get(ref), id)
            allow(seen)
            self._check_unused(seen)

            def change(transaction: Transaction, seen: CheckpointDoc = seen) -> DiscardDoc | None:
                found = self._found(transaction.get(ref), id)
                if found != seen:  # something may have been started from it meanwhile
                    return None
                note = self.note(found)
                transaction.delete(ref)
                transaction.put(Ref(Collections.DISCARDED, id), cast(Document, note))
                for where, what in allow(found):
                    transaction.put(where, what)
                return note

            left = self._store.transact(change)
        self.clear(left)

    def note(self, checkpoint: CheckpointDoc) -> DiscardDoc:
        """Returns what is to be cleared away of a checkpoint that has no document."""
        left: DiscardDoc = {
            "id": checkpoint["id"],
            "modelId": checkpoint["modelId"],
            "tag": checkpoint["tag"],
            "object": checkpoint["object"],
            "at": lifecycle.timestamp(self._clock.now()),
        }
        if checkpoint["kind"] == "ASKED" and checkpoint.get("push") in {"WAITING", "PUSHED"}:
            left["pushed"] = True
        return left

    def clear(self, left: DiscardDoc) -> None:
        """Removes tag, payload and note, in this order: no tag is ever left without its payload.

        Where the tag was pushed, too, another note is left, for the zoo that has the model's source.
        """
        repository = Repository(self._bucket, left["modelId"])
        with suppress(NotFound):
            if repository.read(left["tag"]).id == left["id"]:  # else somebody has taken the name since
                if left.get("pushed"):
                    self._withdraw(left, repository.tags.get(left["tag"]))
                repository.delete(left["tag"])
        with suppress(NotFound):
            self._bucket.delete(left["object"])
        self._store.transact(lambda transaction: transaction.delete(Ref(Collections.DISCARDED, left["id"])))

    def _withdraw(self, left: DiscardDoc, target: ObjectID | None) -> None:
        """Writes down which tag is to go where the model's source is, before nobody can tell any more."""
        if target is not None:
            withdrawal: WithdrawalDoc = {
                "id": left["id"],
                "modelId": left["modelId"],
                "tag": left["tag"],
                "target": target.decode(),
                "at": left["at"],
            }
            where = Ref(Collections.WITHDRAWN, left["id"])
            self._store.transact(lambda transaction: transaction.put(where, cast(Document, withdrawal)))

    def clear_all(self) -> None:
        """Clears up after whoever did not come to it."""
        for left in self._store.query(queries.DISCARDED.bind(), queries.Page(_PAGE)).documents:
            self.clear(cast(DiscardDoc, left))

    def _check_unused(self, checkpoint: CheckpointDoc) -> None:
        for instance in self._all(queries.INSTANCES_BY_RESTORE.bind(checkpoint_id=checkpoint["id"])):
            if lifecycle.pending_restore(instance) is not None:
                raise InvalidTransition(
                    f"instance {instance['id']} goes back to the checkpoint {checkpoint['tag']} just now; wait until "
                    "that is done"
                )
        for instance in self._all(queries.INSTANCES_BY_CHECKPOINT.bind(checkpoint_id=checkpoint["id"])):
            if not lifecycle.is_final(instance):
                raise InvalidTransition(
                    f"instance {instance['id']} would go on from the checkpoint {checkpoint['tag']}; save it anew "
                    "or terminate it first"
                )

    def _all(self, query: queries.BoundQuery) -> Iterator[InstanceDoc]:
        cursor = None
        while True:
            result = self._store.query(query, queries.Page(_PAGE, cursor))
            yield from cast("tuple[InstanceDoc, ...]", result.documents)
            if not result.has_next:
                return
            cursor = result.cursors[-1]

    @staticmethod
    def _found(found: Document | None, id: str) -> CheckpointDoc:
        if found is None:
            raise NotFound(f"there is no checkpoint {id}; list those of its model")
        return cast(CheckpointDoc, found)
