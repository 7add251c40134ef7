"""Census: limits count who lives. A set that says otherwise after a crash or a deletion is put right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import cast

from ainimal_zookeeper.domain import lifecycle, limits, queries
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.ports.store import DocumentStore, Transaction


class Census:
    """Rebuilds limits from living instances. Thread-safe."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store

    def rebuild(self, living: Sequence[InstanceDoc]) -> None:
        """Makes every limit hold exactly the living instances that count against it.

        `living` may be a little old: what differs is looked at again in a transaction before it is changed.
        """
        expected: dict[str, set[str]] = defaultdict(set)
        for document in living:
            for name in limits.counted_by(document):
                expected[name].add(document["id"])
        names = sorted({*expected, *self._known(living)})
        stored = self._store.get_many([Ref(Collections.LIMITS, name) for name in names])
        for name, limit in zip(names, stored, strict=True):
            members = set() if limit is None else set(limit["members"])
            if members != expected[name]:
                self._correct(name, members | expected[name])

    def _known(self, living: Sequence[InstanceDoc]) -> Iterator[str]:
        yield from (limits.MODELS, limits.ENVIRONMENTS)
        for document in living:
            if document["kind"] == "environment":
                yield limits.of_world(document["id"])
        after = None
        while True:
            found = self._store.query(queries.ENVIRONMENTS.bind(), queries.Page(first=200, after=after))
            yield from (limits.of_environment(environment["id"]) for environment in found.documents)
            if not found.has_next:
                return
            after = found.cursors[-1]

    def _correct(self, name: str, candidates: set[str]) -> None:
        ref = Ref(Collections.LIMITS, name)

        def change(transaction: Transaction) -> None:
            limit = transaction.get(ref)
            before = [] if limit is None else list(limit["members"])
            asked = sorted({*candidates, *before})
            documents = transaction.get_many([instance_ref(member) for member in asked])
            alive = [
                member
                for member, document in zip(asked, documents, strict=True)
                if document is not None and _counts(document, name)
            ]
            if alive != before:
                transaction.put(ref, {"id": name, "members": alive})

        self._store.transact(change)


def _counts(found: Document, name: str) -> bool:
    document = cast(InstanceDoc, found)
    return not lifecycle.is_final(document) and name in limits.counted_by(document)
