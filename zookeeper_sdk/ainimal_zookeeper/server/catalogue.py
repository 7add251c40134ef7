"""Catalogue: the store holds what the configuration offers, no more and no less."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import cast

from ainimal_zookeeper.config import Compilation, ConfigurationError
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.queries import ENVIRONMENTS, MODELS, Page, Query
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

_log = logging.getLogger(__name__)


class Catalogue:
    """Writes compilations. `rescan` looks whether the files of the models have changed."""

    def __init__(self, store: DocumentStore, compilation: Compilation) -> None:
        self._store = store
        self._compilation = compilation
        self._trouble: str | None = None

    def write(self) -> None:
        """Makes the store agree with the compilation: one transaction, which writes only what differs."""
        compilation = self._compilation
        wanted: dict[Ref, Document] = {
            Ref(Collections.CONFIGURATION, "zoo"): cast(Document, compilation.configuration),
            **{Ref(Collections.MODELS, model["id"]): cast(Document, model) for model in compilation.models},
            **{Ref(Collections.ENVIRONMENTS, one["id"]): cast(Document, one) for one in compilation.environments},
        }
        refs = list(wanted)
        vanished = [ref for ref in self._stored() if ref not in wanted]

        def change(transaction: Transaction) -> None:
            stored = transaction.get_many(refs)
            for ref, before in zip(refs, stored, strict=True):
                if before != wanted[ref]:
                    transaction.put(ref, wanted[ref])
            for ref in vanished:
                transaction.delete(ref)

        self._store.transact(change)

    def rescan(self) -> None:
        """Compiles again and writes what has changed. A configuration that is broken for now changes nothing."""
        try:
            fresh = self._compilation.recompile()
        except ConfigurationError as error:
            if error.message != self._trouble:
                self._trouble = error.message
                _log.warning("the models stay as they were: %s", error.message)
            return
        self._trouble = None
        if fresh is not self._compilation:
            self._compilation = fresh
            self.write()

    def _stored(self) -> Iterator[Ref]:
        for query in (MODELS, ENVIRONMENTS):
            yield from self._refs(query)

    def _refs(self, query: Query) -> Iterator[Ref]:
        after = None
        while True:
            found = self._store.query(query.bind(), Page(first=200, after=after))
            yield from (Ref(query.collection, document["id"]) for document in found.documents)
            if not found.has_next:
                return
            after = found.cursors[-1]
