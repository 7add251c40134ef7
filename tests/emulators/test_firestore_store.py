"""Firestore as the document store, on its emulator: the suite, and what only Firestore can do wrong."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from ainimal_zookeeper.adapters.gcp.failures import PATIENCE_S
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Document, Ref
from ainimal_zookeeper.domain.errors import InvalidInput, Transient
from ainimal_zookeeper.domain.queries import Page
from ainimal_zookeeper.ports.store import Transaction
from google.cloud import firestore
from hypothesis import HealthCheck, settings

from tests.conformance.deadline import Heard
from tests.conformance.store_suite import A, B, StoreTests, instance, put, store_machine
from tests.emulators.processes import free_address

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

    def open(self, *, patience_s: float = PATIENCE_S) -> FirestoreStore:
        self.opened.append(FirestoreStore(self.project, patience_s=patience_s))
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
    # --- calls -------------------------------------------------------------------------------------------------------

    def test_reads_many_by_one_call(self, place: ProjectPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        """Reading 20 documents, some twice, takes one call."""
        store = place.open()
        put(store, *(instance(f"i{n}") for n in range(20)))
        api = store._client._firestore_api
        calls = count_calls(monkeypatch, api, "batch_get_documents")
        refs = [Ref("instances", f"i{n % 20}") for n in range(25)]
        assert store.get_many(refs) == [instance(ref.id) for ref in refs]
        assert len(calls) == 1
        assert store.get_many([]) == []
        assert len(calls) == 1

    def test_transaction_takes_two_calls(self, place: ProjectPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        """No transaction of Firestore's is begun: who dies in the middle leaves no locks that hold up others."""
        store = place.open()
        put(store, instance("a", n=1), instance("b"))
        api = store._client._firestore_api
        reads, begins, commits = (
            count_calls(monkeypatch, api, name) for name in ("batch_get_documents", "begin_transaction", "commit")
        )

        def change(transaction: Transaction) -> None:
            before, _, _ = transaction.get_many([A, B, Ref("instances", "nobody")])
            transaction.put(A, {**(before or {}), "n": 2})

        store.transact(change)
        assert (len(reads), len(begins), len(commits)) == (1, 0, 1)
        assert store.get(A) == instance("a", n=2)

    def test_what_is_only_read_stays_as_it_is(self, place: ProjectPlace) -> None:
        """Whoever checks a document neither makes it anew nor makes one that is absent."""
        store, nobody = place.open(), Ref("instances", "nobody")
        put(store, instance("b", n=1))
        before = store._read([B])[0].version

        def change(transaction: Transaction) -> None:
            transaction.get_many([B, nobody])
            transaction.put(A, instance("a"))

        store.transact(change)
        assert store._read([B])[0].version == before
        assert store.get_many([A, B, nobody]) == [instance("a"), instance("b", n=1), None]

    # --- transactions ------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("before", [None, instance("a", n=1)])
    def test_checks_what_it_only_reads(self, place: ProjectPlace, before: Document | None) -> None:
        """A transaction runs again when a document has changed or appeared that it read and does not write."""
        store, other = place.open(), place.open()
        if before is not None:
            put(store, before)
        seen = []

        def copy(transaction: Transaction) -> None:
            seen.append(transaction.get(A))
            if len(seen) == 1:
                put(other, instance("a", n=2))
            transaction.put(B, {"id": "b", "copy": seen[-1]})

        store.transact(copy)
        assert seen == [before, instance("a", n=2)]
        assert store.get(B) == {"id": "b", "copy": instance("a", n=2)}

    def test_checks_what_it_deletes(self, place: ProjectPlace) -> None:
        """A document that changes before it is deleted is looked at again; so is one that appears."""
        store, other = place.open(), place.open()
        put(store, instance("a", n=1))
        seen = []

        def drop(transaction: Transaction) -> None:
            seen.append(transaction.get_many([A, B]))
            if len(seen) == 1:
                put(other, instance("a", n=2))
            if len(seen) == 2:
                put(other, instance("b"))
            transaction.delete(A)
            transaction.delete(B)

        store.transact(drop)
        assert seen[1:] == [[instance("a", n=2), None], [instance("a", n=2), instance("b")]]
        assert store.get_many([A, B]) == [None, None]

    def test_does_not_fail_for_what_has_changed(self, place: ProjectPlace) -> None:
        """A refusal that was decided on documents that have changed since is decided again."""
        store, other = place.open(), place.open()
        put(store, instance("a", n=1), instance("b", n=2))

        def compare(transaction: Transaction) -> int:
            first, second = (document or {} for document in transaction.get_many([A, B]))
            if first["n"] != second["n"]:
                put(other, instance("a", n=2))
                raise LookupError("halves")
            return int(first["n"])

        assert store.transact(compare) == 2

    def test_gives_up_on_lasting_contention(self, place: ProjectPlace) -> None:
        """Who is overtaken again and again is told so, and to try later."""
        store, other = place.open(patience_s=0.2), place.open()
        put(store, instance("a", n=0))

        def lose(transaction: Transaction) -> None:
            document = transaction.get(A)
            assert document is not None
            put(other, instance("a", n=document["n"] + 1))
            transaction.put(A, instance("a", n=-1))

        with pytest.raises(Transient, match=r"changed by others for 0\.2 s; try again"):
            store.transact(lose)
        assert (store.get(A) or {})["n"] >= 1

    # --- what Firestore holds ----------------------------------------------------------------------------------------

    def test_keeps_any_name_of_a_field(self, place: ProjectPlace) -> None:
        """Names that mean something in Firestore's paths are names, also when the document is written again."""
        store = place.open()
        document = {"id": "a", "a.b": {"c.d": 1}, "`": 2, "x y": 3, "\\": 4, "0": {}}
        put(store, document)
        assert store.get(A) == document

        def change(transaction: Transaction) -> None:
            transaction.get(A)
            transaction.put(A, {"a.b": {"e": 5}, "`": 2, "z.": 6})

        store.transact(change)
        assert store.get(A) == {"a.b": {"e": 5}, "`": 2, "z.": 6}

    @pytest.mark.parametrize(
        "id",
        ["a/b", "a%2Fb", ".", "..", "__x__", "100%", "\u00e4 \U0001f981", "", "x" * 2000],
        ids=lambda name: repr(name)[:9],
    )
    def test_keeps_any_id(self, place: ProjectPlace, id: str) -> None:
        """Ids that Firestore does not take are kept under other names, each under its own."""
        store = place.open()
        put(store, {"id": id})
        others = ["a/b", "a%2Fb", "%2E", ".", "__x__"]
        assert store.get(Ref("instances", id)) == {"id": id}
        assert all(store.get(Ref("instances", other)) is None for other in others if other != id)

    @pytest.mark.parametrize("name", ["a/b", "a/b/c", "/", ".", "..", "__x__", "x" * 1501], ids=lambda name: name[:9])
    def test_refuses_cursors_with_a_name_that_is_none(self, place: ProjectPlace, name: str) -> None:
        """Firestore would refuse the question, or look elsewhere."""
        store = place.open()
        text = base64.urlsafe_b64encode(json.dumps(["instances", "2030", name]).encode()).decode()
        with pytest.raises(InvalidInput, match="none of this zoo's"):
            store.query(queries.INSTANCES.bind(), Page(1, text))

    @pytest.mark.parametrize(
        "value", ["x" * 1_100_000, 2**70, "\ud800", {"__x__": 1}], ids=lambda value: str(value)[:9]
    )
    def test_refuses_what_it_cannot_hold(self, place: ProjectPlace, value: object) -> None:
        """What is too big, or no value of Firestore's, is the caller's mistake."""
        store = place.open()
        with pytest.raises(InvalidInput):
            put(store, instance("a", value=value))
        assert store.get(A) is None

    # --- watches -----------------------------------------------------------------------------------------------------

    def test_listeners_of_a_target_share_one_stream(self, place: ProjectPlace) -> None:
        """However many listen to a document or a query, Firestore is listened to once, until the last leaves."""
        store = place.open()
        put(store, instance("a"))
        query = queries.INSTANCES_BY_PHASE
        heard = [Heard[list[Document]]() for _ in range(20)]
        watches = [store.watch(A, listener) for listener in heard]
        watches += [store.watch(query.bind(phases=["RUNNING"]), listener) for listener in heard]
        for listener in heard:
            listener.wait_for(2)
        assert store._watches.streams == 2
        late = Heard[list[Document]]()
        watches.append(store.watch(A, late))
        assert late.wait_for(1) == [[instance("a")]]
        put(store, instance("a", n=2))
        late.wait_until_last([instance("a", n=2)])
        for watch in watches[1:]:
            watch.close()
        assert store._watches.streams == 1
        watches[0].close()
        assert store._watches.streams == 0

    def test_listeners_get_copies(self, place: ProjectPlace) -> None:
        """What one listener does to a document, another does not see."""
        store, heard = place.open(), Heard[list[Document]]()
        put(store, instance("a", tags=[]))
        store.watch(A, lambda state: state[0]["tags"].append("spoilt"))
        store.watch(A, heard)
        assert heard.wait_for(1) == [[instance("a", tags=[])]]

    def test_opens_a_stream_anew(self, place: ProjectPlace, caplog: pytest.LogCaptureFixture) -> None:
        """A stream that has ended for good is replaced, and the listeners hear of changes only."""
        store, heard = place.open(), Heard[list[Document]]()
        put(store, instance("a", n=1))
        store.watch(A, heard)
        heard.wait_for(1)
        for shared in store._watches._shared.values():
            shared.stream.unsubscribe()
        put(store, instance("a", n=2))
        heard.wait_until_last([instance("a", n=2)])
        assert heard.items == [[instance("a", n=1)], [instance("a", n=2)]]
        assert "opened anew" in caplog.text


def count_calls(monkeypatch: pytest.MonkeyPatch, api: Any, name: str) -> list[object]:
    """Returns a list that grows with each call of the library's method."""
    calls: list[object] = []
    original = getattr(api, name)

    def call(*args: object, **named: object) -> object:
        calls.append((args, named))
        return original(*args, **named)

    monkeypatch.setattr(api, name, call)
    return calls


def test_service_that_is_away_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers, every use says so after its patience and names the database."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", free_address())
    store = FirestoreStore("away", patience_s=0.3)
    for use in (
        lambda: store.get(A),
        lambda: put(store, instance("a")),
        lambda: store.query(queries.INSTANCES.bind(), Page(1)),
        lambda: store.count(queries.INSTANCES.bind()),
    ):
        with pytest.raises(Transient, match="of away cannot be used now"):
            use()
    store.watch(A, print).close()
    store.close()


def test_store_imports_no_other_service() -> None:
    """A function that only reads documents does not pay for the libraries of queue and bucket."""
    program = """
import sys
import ainimal_zookeeper.adapters.gcp.firestore
names = ("google.cloud.pubsub_v1", "google.pubsub_v1", "google.cloud.storage", "firebase_admin", "kubernetes", "numpy")
print([name for name in names if name in sys.modules])
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


TestFirestoreStoreAsADict = store_machine(lambda: FirestoreStore(new_project())).TestCase
TestFirestoreStoreAsADict.settings = settings(
    max_examples=6, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
