"""DocumentStore: JSON documents in collections, with transactions, declared queries and watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ainimal_zookeeper.domain.documents import Document, Ref
from ainimal_zookeeper.domain.queries import BoundQuery, Page, Result

T = TypeVar("T")


class Transaction(Protocol):
    """One attempt at an atomic change. All reads come before the first write, else RuntimeError."""

    def get(self, ref: Ref) -> Document | None: ...

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        """Returns the documents in the order of `refs`; None for each that is absent."""
        ...

    def put(self, ref: Ref, document: Document) -> None:
        """Writes the whole document."""
        ...

    def delete(self, ref: Ref) -> None:
        """Removes the document; nothing happens when there is none."""
        ...


class Watch(Protocol):
    """A running watch; `close` ends it: no call of the listener starts after it has returned."""

    def close(self) -> None: ...


class DocumentStore(Protocol):
    """Documents are copies on both ways: changing one does not change the store. Thread-safe.

    Raises: Transient while the store cannot be reached or contention lasts for 10 s; DataCorrupt when what is stored
    cannot be read.
    """

    def get(self, ref: Ref) -> Document | None: ...

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]: ...

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        """Runs `fn` and applies its writes all or not at all, as if no other transaction ran meanwhile.

        `fn` may run several times and must have no effect but its writes. When it raises, nothing is written.
        """
        ...

    def query(self, query: BoundQuery, page: Page) -> Result:
        """Raises: RuntimeError for a query that is not declared; InvalidInput for a cursor of another query."""
        ...

    def count(self, query: BoundQuery) -> int: ...

    def watch(self, target: Ref | BoundQuery, listener: Callable[[list[Document]], None]) -> Watch:
        """Calls `listener` with the full state first and again after each change, from a thread of the store's.

        The state is what `get` (a list of one or none) or the first 100 documents of `query` would return. Versions may
        be skipped, the last never is. Calls of one listener do not overlap. A listener that raises is logged.
        """
        ...

    def close(self) -> None: ...
