"""A document store in memory that passes the conformance suite; slow, obvious and without any file."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ainimal_zookeeper.domain.cursors import cursor, place
from ainimal_zookeeper.domain.documents import Document, Ref
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.queries import DECLARED, BoundQuery, Condition, Page, Query, Result

T = TypeVar("T")
Listener = Callable[[list[Document]], None]

_log = logging.getLogger(__name__)
_ABSENT = object()
WATCHED_DOCUMENTS = 100


class MemoryStore:
    """A `DocumentStore`. `documents` is the raw content; `runs` counts how often functions of `transact` ran.

    Every transaction first runs without a lock and again under it when what it read has changed meanwhile.
    """

    def __init__(self) -> None:
        self.documents: dict[Ref, Document] = {}
        self.runs = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._watches: list[_Watch] = []
        self._notifier: threading.Thread | None = None
        self._version = 0
        self._closed = False

    def get(self, ref: Ref) -> Document | None:
        return self.get_many([ref])[0]

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        with self._lock:
            self._check_open()
            return [copy.deepcopy(self.documents.get(Ref(*ref))) for ref in refs]

    def transact(self, fn: Callable[[_Transaction], T]) -> T:
        with self._lock:
            self._check_open()
        transaction = _Transaction(self)
        self.runs += 1
        result = fn(transaction)
        with self._lock:
            if any(self.documents.get(ref) != read for ref, read in transaction.reads.items()):
                transaction = _Transaction(self)
                self.runs += 1
                result = fn(transaction)
            for ref, document in transaction.writes.items():
                if document is None:
                    self.documents.pop(ref, None)
                else:
                    self.documents[ref] = document
            if transaction.writes:
                self._version += 1
                self._changed.notify_all()
        return result

    def query(self, query: BoundQuery, page: Page) -> Result:
        self._check_declared(query.query)
        if page.first < 1:
            raise InvalidInput(f"first is {page.first}; it must be at least 1", ("first",))
        with self._lock:
            self._check_open()
            found = self._matching(query)
        if page.after is not None:
            after = _read_cursor(query.query, page.after)
            found = [item for item in found if (item[0] < after if query.query.descending else item[0] > after)]
        shown = found[: page.first]
        return Result(
            tuple(copy.deepcopy(document) for _, document in shown),
            tuple(cursor(query.query, key[1], key[2]) for key, _ in shown),
            len(found) > page.first,
        )

    def count(self, query: BoundQuery) -> int:
        self._check_declared(query.query)
        with self._lock:
            self._check_open()
            return len(self._matching(query))

    def watch(self, target: Ref | BoundQuery, listener: Listener) -> _Watch:
        if isinstance(target, BoundQuery):
            self._check_declared(target.query)
        watch = _Watch(self, target, listener)
        with self._lock:
            self._check_open()
            self._watches.append(watch)
            if self._notifier is None:
                self._notifier = threading.Thread(target=self._notify, name="memory-store", daemon=True)
                self._notifier.start()
            self._changed.notify_all()
        return watch

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._changed.notify_all()
        if self._notifier is not None and self._notifier is not threading.current_thread():
            self._notifier.join()

    def _matching(self, query: BoundQuery) -> list[tuple[tuple[bool, Any, str], Document]]:
        """Returns (sort key, document) of every match in the query's order."""
        arguments = query.arguments
        found = []
        for ref, document in self.documents.items():
            place = 0 if query.query.order_by is None else _field(document, query.query.order_by)
            if (
                ref.collection == query.query.collection
                and place is not _ABSENT
                and place is not None
                and all(_holds(condition, document, arguments[condition.argument]) for condition in query.query.where)
            ):
                found.append(((isinstance(place, str), place, ref.id), document))
        return sorted(found, key=lambda item: item[0], reverse=query.query.descending)

    def _state(self, target: Ref | BoundQuery) -> list[Document]:
        if isinstance(target, BoundQuery):
            return [copy.deepcopy(document) for _, document in self._matching(target)[:WATCHED_DOCUMENTS]]
        document = self.documents.get(target)
        return [] if document is None else [copy.deepcopy(document)]

    def _notify(self) -> None:
        while True:
            with self._lock:
                self._changed.wait_for(lambda: self._closed or any(w.seen != self._version for w in self._watches))
                if self._closed:
                    return
                due = []
                for watch in [watch for watch in self._watches if watch.seen != self._version]:
                    state = self._state(watch.target)
                    if watch.seen is None or state != watch.state:
                        due.append((watch, state))
                    watch.seen, watch.state = self._version, state
            for watch, state in due:
                watch.tell(copy.deepcopy(state))

    def _forget(self, watch: _Watch) -> None:
        with self._lock:
            self._watches = [other for other in self._watches if other is not watch]

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the store is closed")

    @staticmethod
    def _check_declared(query: Query) -> None:
        if query not in DECLARED:
            raise RuntimeError(f"query {query.name} is not declared; add it to domain/queries.py")


class _Transaction:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.reads: dict[Ref, Document | None] = {}
        self.writes: dict[Ref, Document | None] = {}

    def get(self, ref: Ref) -> Document | None:
        return self.get_many([ref])[0]

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        if self.writes:
            raise RuntimeError(f"{list(refs)} read after a write; read everything before the first write")
        found = self._store.get_many(refs)
        for ref, document in zip(refs, found, strict=True):
            self.reads[Ref(*ref)] = copy.deepcopy(document)
        return found

    def put(self, ref: Ref, document: Document) -> None:
        _check_storable(document, str(ref), in_list=False)
        self.writes[Ref(*ref)] = copy.deepcopy(document)

    def delete(self, ref: Ref) -> None:
        self.writes[Ref(*ref)] = None


class _Watch:
    def __init__(self, store: MemoryStore, target: Ref | BoundQuery, listener: Listener) -> None:
        self._store = store
        self._listener = listener
        self._calling = threading.RLock()
        self._open = True
        self.target = target
        self.seen: int | None = None
        self.state: list[Document] = []

    def tell(self, state: list[Document]) -> None:
        with self._calling:
            if not self._open:
                return
            try:
                self._listener(state)
            except Exception:
                _log.exception("a listener raised", extra={"target": str(self.target)})

    def close(self) -> None:
        with self._calling:
            self._open = False
        self._store._forget(self)


def _field(document: Document, path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return _ABSENT
        value = value[name]
    return value


def _holds(condition: Condition, document: Document, wanted: Any) -> bool:
    value = _field(document, condition.field)
    if condition.operator == "==":
        return bool(value == wanted)
    if condition.operator == "in":
        return value in wanted
    return isinstance(value, list) and wanted in value


def _check_storable(value: Any, where: str, *, in_list: bool) -> None:
    """Raises: RuntimeError for what not every store takes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_storable(inner, f"{where}.{key}", in_list=False)
    elif isinstance(value, list):
        if in_list:
            raise RuntimeError(f"{where} is a list in a list, which not every store takes; store it as a JSON string")
        for inner in value:
            _check_storable(inner, f"{where}[]", in_list=True)
    elif not isinstance(value, str | int | float | None):
        raise TypeError(f"{where} is a {type(value).__name__}; documents hold JSON values only")


def _read_cursor(query: Query, text: str) -> tuple[bool, Any, str]:
    value, name = place(query, text)
    return isinstance(value, str), value, name
