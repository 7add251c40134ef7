"""Catalogue: the store holds what the configuration offers, no more and no less."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from ainimal_zookeeper.domain.documents import (
    UPLOADS_PROVIDER,
    Collections,
    ConfigurationDoc,
    Document,
    EnvironmentDoc,
    ModelDoc,
    Ref,
)
from ainimal_zookeeper.domain.errors import Conflict
from ainimal_zookeeper.domain.queries import ENVIRONMENTS, MODELS, Page, Query
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

CONFIGURATION = Ref(Collections.CONFIGURATION, "zoo")

# Below what a transaction takes anywhere: Firestore takes 500 writes and 10 MiB.
_AT_ONCE = 200
_AT_ONCE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Offer:
    """What a configuration offers: `configuration["revision"]` is another one when any of it is."""

    configuration: ConfigurationDoc
    models: Sequence[ModelDoc] = field(repr=False)
    environments: Sequence[EnvironmentDoc] = field(repr=False)

    def documents(self) -> dict[Ref, Document]:
        """Returns all of it but the configuration, by its place in the store."""
        return {
            **{Ref(Collections.MODELS, model["id"]): cast(Document, model) for model in self.models},
            **{Ref(Collections.ENVIRONMENTS, one["id"]): cast(Document, one) for one in self.environments},
        }


class Catalogue:
    """Publishes offers. Thread-safe."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    def revision(self) -> str | None:
        """Returns the revision that is published, for one read; None before the first."""
        stored = self._store.get(CONFIGURATION)
        return None if stored is None else stored["revision"]

    def publish(self, offer: Offer) -> None:
        """Makes the store agree with `offer`, writing only what differs: what vanished goes, too.

        One transaction, if it fits; otherwise several, with the configuration last: whoever looks at the revision finds
        one that nobody wants until all is there, and whoever was interrupted publishes again.
        Raises: Conflict when somebody else published meanwhile; Transient.
        """
        wanted = offer.documents()
        changes: dict[Ref, Document | None] = {**dict.fromkeys(self._stored()), **wanted}
        batches = list(_batches(changes))
        if len(batches) <= 1:
            self._store.transact(lambda transaction: _apply(transaction, {**changes, **_last(offer)}))
            return
        # Two that publish in pieces must not mix: each piece is written only while the mark of its own stands.
        mark = f"{offer.configuration['revision']} ({uuid.uuid4().hex})"
        self._store.transact(lambda transaction: _set_mark(transaction, offer, mark))
        for batch in [*batches, _last(offer)]:
            self._store.transact(lambda transaction, batch=batch: _apply(transaction, batch, mark))  # type: ignore[misc]

    def _stored(self) -> Iterator[Ref]:
        for query in (MODELS, ENVIRONMENTS):
            yield from self._refs(query)

    def _refs(self, query: Query) -> Iterator[Ref]:
        after = None
        while True:
            found = self._store.query(query.bind(), Page(first=200, after=after))
            for document in found.documents:
                if document.get("providerId") != UPLOADS_PROVIDER:  # what people brought is theirs
                    yield Ref(query.collection, document["id"])
            if not found.has_next:
                return
            after = found.cursors[-1]


def _last(offer: Offer) -> dict[Ref, Document | None]:
    return {CONFIGURATION: cast(Document, offer.configuration)}


def _batches(changes: dict[Ref, Document | None]) -> Iterator[dict[Ref, Document | None]]:
    batch: dict[Ref, Document | None] = {}
    size = 0
    for ref, document in changes.items():
        takes = len(json.dumps(document))
        if batch and (len(batch) == _AT_ONCE or size + takes > _AT_ONCE_BYTES):
            yield batch
            batch, size = {}, 0
        batch[ref] = document
        size += takes
    if batch:
        yield batch


def _apply(transaction: Transaction, changes: dict[Ref, Document | None], mark: str | None = None) -> None:
    """Writes `changes` (None: delete) where they change something, as long as `mark` stands."""
    stored = transaction.get_many(list(changes))
    configuration = None if mark is None else transaction.get(CONFIGURATION)
    if mark is not None and (configuration is None or configuration["revision"] != mark):
        raise Conflict("the catalogue was published by somebody else meanwhile; theirs stands until the next look")
    for (ref, wanted), before in zip(changes.items(), stored, strict=True):
        if wanted is None and before is not None:
            transaction.delete(ref)
        elif wanted is not None and before != wanted:
            transaction.put(ref, wanted)


def _set_mark(transaction: Transaction, offer: Offer, mark: str) -> None:
    before = transaction.get(CONFIGURATION) or cast(Document, offer.configuration)
    transaction.put(CONFIGURATION, {**before, "revision": mark})
