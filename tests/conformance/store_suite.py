"""What every document store does. A binding gives the fixture `place`, where stores are opened and read raw."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Document, Ref
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.queries import BoundQuery, Condition, Page, Query
from ainimal_zookeeper.ports.store import DocumentStore, Transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conformance.deadline import Heard, run_all


class StorePlace(Protocol):
    """Where the documents of one test lie."""

    def open(self) -> DocumentStore:
        """Returns an adapter on this place's documents, a new one where the store can be shared."""
        ...

    def raw_read(self, ref: Ref) -> Document | None: ...

    def raw_write(self, ref: Ref, document: Document) -> None: ...


A, B = Ref("instances", "a"), Ref("instances", "b")


def instance(id: str, created_at: str = "2030-01-01", phase: str = "RUNNING", **fields: Any) -> Document:
    return {"id": id, "createdAt": created_at, "status": {"phase": phase}, **fields}


def put(store: DocumentStore, *documents: Document, collection: str = "instances") -> None:
    def write(transaction: Transaction) -> None:
        for document in documents:
            transaction.put(Ref(collection, document["id"]), document)

    store.transact(write)


def delete(store: DocumentStore, *ids: str, collection: str = "instances") -> None:
    def write(transaction: Transaction) -> None:
        for key in ids:
            transaction.delete(Ref(collection, key))

    store.transact(write)


def all_pages(store: DocumentStore, query: BoundQuery, first: int) -> list[str]:
    """Returns the ids of all documents, read page by page."""
    ids: list[str] = []
    after = None
    while True:
        result = store.query(query, Page(first, after))
        ids += [document["id"] for document in result.documents]
        if not result.has_next:
            return ids
        after = result.cursors[-1]


class StoreTests:
    """Bind it by a subclass, in a module with a fixture `place`."""

    @pytest.fixture
    def store(self, place: StorePlace) -> DocumentStore:
        return place.open()

    # --- documents ---------------------------------------------------------------------------------------------------

    def test_returns_what_was_put(self, store: DocumentStore, place: StorePlace) -> None:
        """A document comes back equal, with every kind of JSON value, and lies in the store under its key."""
        document = instance(
            "a", text="\u00e9\u4e16\U0001f981", none=None, yes=True, number=1.5, big=2**53, empty={}, list=[{"a": [1]}]
        )
        put(store, document)
        assert store.get(A) == document
        assert place.raw_read(A) == document

    def test_keeps_values_that_are_not_finite(self, store: DocumentStore) -> None:
        """An infinite or undefined return is kept as it is."""
        put(store, instance("a", high=float("inf"), low=float("-inf"), none=float("nan")))
        document = store.get(A)
        assert document is not None
        assert (document["high"], document["low"]) == (float("inf"), float("-inf"))
        assert document["none"] != document["none"]

    def test_returns_nothing_for_an_absent_document(self, store: DocumentStore) -> None:
        """Absent documents are None, in the order asked."""
        put(store, instance("b"))
        assert store.get(A) is None
        assert store.get_many([A, B, A]) == [None, instance("b"), None]

    def test_sees_what_others_wrote(self, store: DocumentStore, place: StorePlace) -> None:
        """A document written past the adapter is read."""
        place.raw_write(A, instance("a", n=1))
        assert store.get(A) == instance("a", n=1)

    def test_documents_are_copies(self, store: DocumentStore) -> None:
        """Changing a document given or returned does not change the store."""
        document = instance("a", tags=["x"])
        put(store, document)
        document["tags"].append("y")
        got = store.get(A)
        assert got is not None
        got["tags"].append("z")
        assert store.get(A) == instance("a", tags=["x"])

    def test_deletes(self, store: DocumentStore, place: StorePlace) -> None:
        """A deleted document is gone; deleting an absent one does nothing."""
        put(store, instance("a"))
        delete(store, "a", "b")
        assert store.get(A) is None
        assert place.raw_read(A) is None

    def test_refuses_a_list_in_a_list(self, store: DocumentStore) -> None:
        """What Firestore cannot hold, no store takes."""
        with pytest.raises(RuntimeError, match="list in a list"):
            put(store, instance("a", bounds=[[1, 2]]))
        put(store, instance("a", text="[[1],[2]]"))

    # --- transactions ------------------------------------------------------------------------------------------------

    def test_returns_what_the_function_returned(self, store: DocumentStore) -> None:
        """`transact` hands the result through."""
        put(store, instance("a", n=7))
        assert store.transact(lambda transaction: (transaction.get(A) or {})["n"]) == 7

    def test_writes_nothing_when_the_function_raises(self, store: DocumentStore) -> None:
        """An exception leaves the store as it was and comes out as it is."""

        def write(transaction: Transaction) -> None:
            transaction.put(A, instance("a"))
            transaction.put(B, instance("b"))
            raise LookupError("no")

        with pytest.raises(LookupError, match="no"):
            store.transact(write)
        assert store.get_many([A, B]) == [None, None]

    def test_refuses_a_read_after_a_write(self, store: DocumentStore) -> None:
        """Reads come first, as Firestore wants it."""

        def write(transaction: Transaction) -> None:
            transaction.put(A, instance("a"))
            transaction.get(B)

        with pytest.raises(RuntimeError, match="first write"):
            store.transact(write)
        assert store.get(A) is None

    def test_last_write_of_a_transaction_counts(self, store: DocumentStore) -> None:
        """Within a transaction a later write of the same document replaces the earlier one."""

        def write(transaction: Transaction) -> None:
            transaction.put(A, instance("a", n=1))
            transaction.delete(A)
            transaction.put(A, instance("a", n=2))

        store.transact(write)
        assert store.get(A) == instance("a", n=2)

    def test_runs_again_when_what_it_read_has_changed(self, store: DocumentStore, place: StorePlace) -> None:
        """A transaction whose reads were overtaken runs again with the new values."""
        other = place.open()
        put(store, instance("a", n=1))
        seen = []

        def add(transaction: Transaction) -> None:
            document = transaction.get(A)
            assert document is not None
            seen.append(document["n"])
            if len(seen) == 1:
                put(other, instance("a", n=10))
            transaction.put(A, {**document, "n": document["n"] + 1})

        store.transact(add)
        assert seen == [1, 10]
        assert store.get(A) == instance("a", n=11)

    def test_runs_again_when_what_was_absent_exists(self, store: DocumentStore, place: StorePlace) -> None:
        """Two that create the same document do not both find it absent."""
        other = place.open()
        seen = []

        def create(transaction: Transaction) -> bool:
            seen.append(transaction.get(A))
            if seen == [None]:
                put(other, instance("a", n=1))
            if seen[-1] is not None:
                return False
            transaction.put(A, instance("a", n=2))
            return True

        assert store.transact(create) is False
        assert store.get(A) == instance("a", n=1)

    def test_concurrent_increments_all_count(self, place: StorePlace) -> None:
        """Transactions of several threads and adapters never lose an update."""
        stores = [place.open() for _ in range(2)]
        put(stores[0], instance("a", n=0), instance("b", n=0))

        def move(transaction: Transaction) -> None:
            first, second = transaction.get_many([A, B])
            assert first is not None
            assert second is not None
            assert first["n"] == second["n"], "a transaction has seen half of another"
            transaction.put(A, {**first, "n": first["n"] + 1})
            transaction.put(B, {**second, "n": second["n"] + 1})

        def work(store: DocumentStore) -> None:
            for _ in range(10):
                store.transact(move)

        run_all([threading.Thread(target=work, args=(stores[k % 2],)) for k in range(6)])
        assert [(document or {})["n"] for document in stores[0].get_many([A, B])] == [60, 60]

    # --- queries -----------------------------------------------------------------------------------------------------

    def test_orders_and_breaks_ties_by_id(self, store: DocumentStore) -> None:
        """The newest come first; equals are in the order of their ids, the same way."""
        put(store, instance("a", "2030-01-02"), instance("b", "2030-01-01"), instance("c", "2030-01-02"))
        assert all_pages(store, queries.INSTANCES.bind(), 1) == ["c", "a", "b"]
        named = [{"id": key, "name": name} for key, name in [("x", "b"), ("y", "a"), ("z", "b")]]
        put(store, *named, collection="models")
        assert all_pages(store, queries.MODELS.bind(), 2) == ["y", "x", "z"]

    def test_finds_by_each_operator(self, store: DocumentStore) -> None:
        """Equality, membership and list search find exactly the documents that match, and count them."""
        put(
            store,
            instance("a", "2030-01-01", "RUNNING", model={"id": "m1"}, tags=["x", "y"]),
            instance("b", "2030-01-02", "PENDING", model={"id": "m2"}, tags=[]),
            instance("c", "2030-01-03", "LOST", model=None, tags=["x"]),
            instance("d", "2030-01-04", "RUNNING"),
        )
        for query, expected in [
            (queries.INSTANCES_BY_MODEL.bind(model_id="m1"), ["a"]),
            (queries.INSTANCES_BY_MODEL.bind(model_id="m3"), []),
            (queries.INSTANCES_BY_PHASE.bind(phases=["RUNNING", "PENDING"]), ["d", "b", "a"]),
            (queries.INSTANCES_BY_PHASE.bind(phases=["RUNNING", "RUNNING"]), ["d", "a"]),
            (queries.INSTANCES_BY_PHASE.bind(phases=[]), []),
            (queries.INSTANCES_BY_TAG.bind(tag="x"), ["c", "a"]),
            (queries.INSTANCES_BY_TAG.bind(tag="xy"), []),
        ]:
            assert all_pages(store, query, 2) == expected
            assert store.count(query) == len(expected)

    def test_finds_by_the_newest_values(self, store: DocumentStore) -> None:
        """A document that changes or goes leaves the queries that it no longer belongs to."""
        put(store, instance("a", tags=["x", "y"]), instance("b", tags=["x"]))
        put(store, instance("a", phase="LOST", tags=["y", "z"]))
        delete(store, "b")
        assert all_pages(store, queries.INSTANCES_BY_TAG.bind(tag="x"), 5) == []
        assert all_pages(store, queries.INSTANCES_BY_TAG.bind(tag="z"), 5) == ["a"]
        assert all_pages(store, queries.INSTANCES_BY_PHASE.bind(phases=["RUNNING"]), 5) == []

    def test_orders_numbers_by_value(self, store: DocumentStore) -> None:
        """Numbers sort as numbers."""
        put(store, *({"id": f"l{n}", "instanceId": "i", "order": n} for n in (10, 9, 100)), collection="logs")
        assert all_pages(store, queries.LOGS.bind(instance_id="i"), 2) == ["l9", "l10", "l100"]

    def test_leaves_out_documents_without_the_order(self, store: DocumentStore) -> None:
        """A document that lacks what the query is ordered by is not part of it."""
        put(store, {"id": "a"}, instance("b"))
        assert all_pages(store, queries.INSTANCES.bind(), 5) == ["b"]
        assert store.count(queries.INSTANCES.bind()) == 1

    def test_tells_whether_more_follow(self, store: DocumentStore) -> None:
        """`has_next` is exact at the border."""
        put(store, instance("a"), instance("b"))
        query = queries.INSTANCES.bind()
        assert store.query(query, Page(1)).has_next
        assert not store.query(query, Page(2)).has_next
        assert len(store.query(query, Page(2)).cursors) == 2

    def test_cursor_keeps_its_place(self, store: DocumentStore) -> None:
        """Documents that come or go, also the cursor's own, neither repeat nor hide others."""
        put(store, *(instance(key, f"2030-01-0{n}") for n, key in enumerate("abcdef", 1)))
        query = queries.INSTANCES.bind()
        cursor = store.query(query, Page(3)).cursors[-1]
        put(store, instance("g", "2030-01-09"), instance("h", "2030-01-02"))
        delete(store, "d", "b")
        assert [document["id"] for document in store.query(query, Page(9, cursor)).documents] == ["c", "h", "a"]

    def test_refuses_foreign_cursors(self, store: DocumentStore) -> None:
        """A cursor of another query, or made up, is an error of the caller's."""
        put(store, instance("a", model={"id": "m"}))
        cursor = store.query(queries.INSTANCES.bind(), Page(1)).cursors[0]
        for bad in (cursor, "nonsense", "", "bm9uc2Vuc2U="):
            with pytest.raises(InvalidInput):
                store.query(queries.INSTANCES_BY_MODEL.bind(model_id="m"), Page(1, bad))

    @pytest.mark.parametrize(
        ("value", "name"),
        [(2**64, "a"), ("\ud800", "a"), ({}, "a"), (["2030"], "a"), ("2030", "\ud800"), ("2030", ""), ("2030", 7)],
        ids=str,
    )
    def test_refuses_cursors_that_were_changed(self, store: DocumentStore, value: Any, name: Any) -> None:
        """What no store could have said is an error of the caller's as well."""
        put(store, instance("a"))
        query = queries.INSTANCES.bind()
        asked, *_ = json.loads(base64.urlsafe_b64decode(store.query(query, Page(1)).cursors[0]))
        changed = base64.urlsafe_b64encode(json.dumps([asked, value, name]).encode()).decode()
        with pytest.raises(InvalidInput):
            store.query(query, Page(1, changed))

    def test_refuses_pages_without_documents(self, store: DocumentStore) -> None:
        """A page has at least one document."""
        with pytest.raises(InvalidInput, match="first"):
            store.query(queries.INSTANCES.bind(), Page(0))

    def test_refuses_undeclared_queries(self, store: DocumentStore) -> None:
        """A query that no index was made for is refused wherever it is used."""
        ghost = Query("ghost", "instances", (Condition("notes", "==", "notes"),), "createdAt").bind(notes="x")
        for use in (
            lambda: store.query(ghost, Page(1)),
            lambda: store.count(ghost),
            lambda: store.watch(ghost, print),
        ):
            with pytest.raises(RuntimeError, match="ghost"):
                use()

    # --- watches -----------------------------------------------------------------------------------------------------

    def test_watch_tells_the_full_state_first(self, store: DocumentStore) -> None:
        """A watch begins with what is there, also when that is nothing."""
        put(store, instance("a"))
        here, absent, several = Heard[list[Document]](), Heard[list[Document]](), Heard[list[Document]]()
        store.watch(A, here)
        store.watch(B, absent)
        store.watch(queries.INSTANCES.bind(), several)
        assert here.wait_for(1) == [[instance("a")]]
        assert absent.wait_for(1) == [[]]
        assert several.wait_for(1) == [[instance("a")]]

    def test_watch_never_misses_the_last_version(self, store: DocumentStore, place: StorePlace) -> None:
        """After a burst of changes by anyone, the last state told is the last state."""
        other = place.open()
        one, many = Heard[list[Document]](), Heard[list[Document]]()
        store.watch(A, one)
        store.watch(queries.INSTANCES_BY_PHASE.bind(phases=["RUNNING"]), many)
        for n in range(20):
            put(store if n % 2 else other, instance("a", n=n))
        put(other, instance("b", "2030-01-02"))
        one.wait_until_last([instance("a", n=19)])
        many.wait_until_last([instance("b", "2030-01-02"), instance("a", n=19)])
        put(store, instance("b", phase="LOST"))
        many.wait_until_last([instance("a", n=19)])
        delete(other, "a")
        one.wait_until_last([])
        many.wait_until_last([])
        numbers = [state[0]["n"] for state in one.items if state]
        assert numbers == sorted(numbers), "versions came out of order"

    def test_watch_sees_what_others_wrote(self, store: DocumentStore, place: StorePlace) -> None:
        """A change made past the adapter is told."""
        heard = Heard[list[Document]]()
        store.watch(A, heard)
        heard.wait_for(1)
        place.raw_write(A, instance("a", n=1))
        heard.wait_until_last([instance("a", n=1)])

    def test_closed_watch_is_silent(self, store: DocumentStore) -> None:
        """After `close` a watch tells nothing, and the others go on."""
        closed, open_ = Heard[list[Document]](), Heard[list[Document]]()
        watch = store.watch(A, closed)
        store.watch(A, open_)
        closed.wait_for(1)
        watch.close()
        watch.close()
        put(store, instance("a"))
        open_.wait_until_last([instance("a")])
        put(store, instance("a", n=2))
        open_.wait_until_last([instance("a", n=2)])
        assert closed.items == [[]]

    def test_listener_may_close_its_watch(self, store: DocumentStore) -> None:
        """Closing from within the listener works."""
        ready, told, other = threading.Event(), Heard[list[Document]](), Heard[list[Document]]()

        def listen(state: list[Document]) -> None:
            ready.wait(10)
            watch.close()
            told(state)

        watch = store.watch(A, listen)
        ready.set()
        told.wait_for(1)
        store.watch(A, other)
        put(store, instance("a"))
        other.wait_until_last([instance("a")])
        assert told.items == [[]]

    def test_listener_that_raises_stops_nothing(self, store: DocumentStore, caplog: pytest.LogCaptureFixture) -> None:
        """A listener that raises is logged and called again, and the others are told."""
        heard, failed = Heard[list[Document]](), Heard[list[Document]]()

        def fail(state: list[Document]) -> None:
            failed(state)
            raise LookupError("listener")

        store.watch(A, fail)
        store.watch(A, heard)
        put(store, instance("a"))
        heard.wait_until_last([instance("a")])
        failed.wait_until_last([instance("a")])
        put(store, instance("a", n=2))
        heard.wait_until_last([instance("a", n=2)])
        assert "raised" in caplog.text

    def test_listener_may_write(self, store: DocumentStore) -> None:
        """A listener may use the store, also to change what it watches."""
        heard = Heard[list[Document]]()

        def listen(state: list[Document]) -> None:
            heard(state)
            if state and state[0]["n"] < 3:
                put(store, instance("a", n=state[0]["n"] + 1))

        store.watch(A, listen)
        put(store, instance("a", n=1))
        heard.wait_until_last([instance("a", n=3)])

    def test_closed_store_is_refused(self, store: DocumentStore) -> None:
        """Use after `close` is a mistake of the program's."""
        store.watch(A, print)
        store.close()
        with pytest.raises(RuntimeError, match="closed"):
            store.get(A)
        with pytest.raises(RuntimeError, match="closed"):
            put(store, instance("a"))
        with pytest.raises(RuntimeError, match="closed"):
            store.watch(A, print)


def store_machine(make: Callable[[], DocumentStore]) -> type[RuleBasedStateMachine]:
    """Returns a state machine that compares a store with a dict of documents."""
    ids = st.sampled_from("abcdef")
    phases = st.sampled_from(["PENDING", "RUNNING", "LOST"])
    documents = st.builds(
        lambda day, phase, model, tags: {
            "createdAt": f"2030-01-0{day}", "status": {"phase": phase}, "model": model and {"id": model}, "tags": tags
        },
        st.integers(1, 3), phases, st.sampled_from([None, "m1", "m2"]), st.lists(st.sampled_from("xyz"), max_size=3),
    )  # fmt: skip
    bound_queries = st.one_of(
        st.just(queries.INSTANCES.bind()),
        st.builds(lambda model: queries.INSTANCES_BY_MODEL.bind(model_id=model), st.sampled_from(["m1", "m2", "m3"])),
        st.builds(lambda tag: queries.INSTANCES_BY_TAG.bind(tag=tag), st.sampled_from("xyz")),
        st.builds(lambda chosen: queries.INSTANCES_BY_PHASE.bind(phases=chosen), st.lists(phases, max_size=3)),
    )
    changes = st.lists(st.tuples(ids, st.none() | documents), min_size=1, max_size=4)

    def matches(query: BoundQuery, document: Document) -> bool:
        arguments = query.arguments
        match query.query.name:
            case "instances_by_model":
                return bool(document["model"] and document["model"]["id"] == arguments["model_id"])
            case "instances_by_tag":
                return arguments["tag"] in document["tags"]
            case "instances_by_phase":
                return document["status"]["phase"] in arguments["phases"]
        return True

    class StoreMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.store = make()
            self.model: dict[str, Document] = {}
            self.paging: tuple[BoundQuery, str, tuple[str, str]] | None = None

        def expected(self, query: BoundQuery) -> list[tuple[str, str]]:
            found = [(document["createdAt"], key) for key, document in self.model.items() if matches(query, document)]
            return sorted(found, reverse=True)

        @initialize(changed=changes)
        def fill(self, changed: list[tuple[str, Document | None]]) -> None:
            self.change(changed, fails=False)

        @rule(changed=changes, fails=st.booleans())
        def change(self, changed: list[tuple[str, Document | None]], fails: bool) -> None:
            def write(transaction: Transaction) -> None:
                refs = [Ref("instances", key) for key, _ in changed]
                assert transaction.get_many(refs) == [self.model.get(ref.id) for ref in refs]
                for ref, (_, document) in zip(refs, changed, strict=True):
                    if document is None:
                        transaction.delete(ref)
                    else:
                        transaction.put(ref, document)
                if fails:
                    raise LookupError

            if fails:
                with pytest.raises(LookupError):
                    self.store.transact(write)
                return
            self.store.transact(write)
            for key, document in changed:
                if document is None:
                    self.model.pop(key, None)
                else:
                    self.model[key] = document

        @rule(query=bound_queries, first=st.integers(1, 4))
        def first_page(self, query: BoundQuery, first: int) -> None:
            result = self.store.query(query, Page(first))
            expected = self.expected(query)
            assert list(result.documents) == [self.model[key] for _, key in expected[:first]]
            assert result.has_next == (len(expected) > first)
            if result.documents:
                self.paging = query, result.cursors[-1], expected[len(result.documents) - 1]

        @precondition(lambda self: self.paging is not None)
        @rule(first=st.integers(1, 4))
        def next_page(self, first: int) -> None:
            assert self.paging is not None
            query, cursor, place = self.paging
            expected = [item for item in self.expected(query) if item < place]
            result = self.store.query(query, Page(first, cursor))
            assert list(result.documents) == [self.model[key] for _, key in expected[:first]]
            assert result.has_next == (len(expected) > first)

        @rule(query=bound_queries)
        def count(self, query: BoundQuery) -> None:
            assert self.store.count(query) == len(self.expected(query))

        @invariant()
        def documents_agree(self) -> None:
            refs = [Ref("instances", key) for key in "abcdef"]
            assert self.store.get_many(refs) == [self.model.get(key) for key in "abcdef"]

        def teardown(self) -> None:
            self.store.close()

    StoreMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
    return StoreMachine
