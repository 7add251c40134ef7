"""The store that unit tests use does what every store does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ainimal_zookeeper.domain.documents import Document, Ref

from tests.conformance.store_suite import StoreTests, put, store_machine
from tests.fakes.store import MemoryStore


class MemoryPlace:
    """There is one adapter on memory; opening it again gives the same."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def open(self) -> MemoryStore:
        return self.store

    def raw_read(self, ref: Ref) -> Document | None:
        return self.store.documents.get(ref)

    def raw_write(self, ref: Ref, document: Document) -> None:
        put(self.store, document, collection=ref.collection)


@pytest.fixture
def place() -> Iterator[MemoryPlace]:
    place = MemoryPlace()
    yield place
    place.store.close()


class TestMemoryStore(StoreTests):
    """Bound."""


TestMemoryStoreAsADict = store_machine(MemoryStore).TestCase
