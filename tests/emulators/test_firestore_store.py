"""Firestore as the document store, on its emulator: the suite, and what only Firestore can do wrong."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.domain.documents import Document, Ref
from google.cloud import firestore
from hypothesis import HealthCheck, settings

from tests.conformance.store_suite import StoreTests, instance, put, store_machine

pytestmark = pytest.mark.emulators


@pytest.fixture(scope="module", autouse=True)
def warm_emulator(firestore_emulator: None) -> None:
    """The first calls of a cold emulator take seconds each."""
    store = FirestoreStore(new_project())
    put(store, instance("a"))
    store.get(Ref("instances", "a"))
    store.close()


def new_project() -> str:
    """Returns a project that nobody has used: the emulator keeps the documents of each apart."""
    return f"test-{uuid.uuid4().hex[:12]}"


class ProjectPlace:
    def __init__(self) -> None:
        self.project = new_project()
        self.raw = firestore.Client(project=self.project)
        self.opened: list[FirestoreStore] = []

    def open(self) -> FirestoreStore:
        self.opened.append(FirestoreStore(self.project))
        return self.opened[-1]

    def raw_read(self, ref: Ref) -> Document | None:
        found: Document | None = self.raw.collection(ref.collection).document(ref.id).get().to_dict()
        return found

    def raw_write(self, ref: Ref, document: Document) -> None:
        self.raw.collection(ref.collection).document(ref.id).set(document)

    def close(self) -> None:
        for store in self.opened:
            store.close()
        self.raw.close()


@pytest.fixture
def place() -> Iterator[ProjectPlace]:
    place = ProjectPlace()
    yield place
    place.close()


class TestFirestoreStore(StoreTests):
    pass


TestFirestoreStoreAsADict = store_machine(lambda: FirestoreStore(new_project())).TestCase
TestFirestoreStoreAsADict.settings = settings(
    max_examples=6, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
