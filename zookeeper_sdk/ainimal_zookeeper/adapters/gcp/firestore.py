"""The document store of the cloud zoo: Firestore in native mode."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore

from ainimal_zookeeper.domain.documents import Document, Ref
from ainimal_zookeeper.domain.errors import InvalidInput, Transient
from ainimal_zookeeper.domain.queries import BoundQuery, Page, Result
from ainimal_zookeeper.ports.store import Transaction

from .failures import PATIENCE_S, translated
from .firestore_attempt import Attempt
from .firestore_queries import cursor, document_id, in_order, page_of, question
from .firestore_reading import Read, asked, by_name
from .firestore_values import decoded
from .firestore_watching import Arrange, RunningWatch, Watches

T = TypeVar("T")

WATCHED_DOCUMENTS = 100

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.2
_OVERTAKEN = (
    exceptions.Aborted,
    exceptions.AlreadyExists,
    exceptions.FailedPrecondition,
    exceptions.NotFound,
)
_TRIED_AGAIN = if_exception_type(
    exceptions.Aborted, exceptions.InternalServerError, exceptions.ResourceExhausted, exceptions.ServiceUnavailable
)


class FirestoreStore:
    """A `DocumentStore` in a database of `project`.

    Transactions are optimistic: `fn` runs on a snapshot and holds no locks, so one that is slow or dies holds up
    nobody. At the commit Firestore checks by preconditions that what was read is still so. Contention and absence of
    the service are borne for `patience_s`.
    """

    def __init__(
        self,
        project: str,
        *,
        database: str = "(default)",
        patience_s: float = PATIENCE_S,
        client: firestore.Client | None = None,
    ) -> None:
        self._name = f"the Firestore database {database} of {project}"
        with translated(self._name):
            self._client = client or firestore.Client(project=project, database=database)
            _wait_for_streams(self._client)
        self._patience_s = patience_s
        retry = Retry(_TRIED_AGAIN, initial=0.1, maximum=1.0, timeout=patience_s)
        self._call: dict[str, Any] = {"retry": retry, "timeout": patience_s}
        self._watches = Watches(openings=1 if self._client._emulator_host is None else 2)
        self._closed = False

    def get(self, ref: Ref) -> Document | None:
        return self.get_many([ref])[0]

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        return [read.document() for read in self._read(refs)]

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        give_up_at = time.monotonic() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            attempt = Attempt(self._read)
            conflict: BaseException | None
            try:
                result = fn(attempt)
            except Exception as error:
                # The emulator may show half of a commit, and `fn` must not fail for what never was.
                if len(attempt.reads) < 2 or not self._is_outdated(attempt):
                    raise
                conflict = error
            else:
                conflict = self._commit(attempt)
                if conflict is None:
                    return result
            if time.monotonic() > give_up_at:
                raise Transient(
                    f"what a transaction on {self._name} reads has been changed by others for {self._patience_s:g} s; "
                    "try again"
                ) from conflict
            time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - spreads those who met
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def query(self, query: BoundQuery, page: Page) -> Result:
        put = question(self._client, query)
        if page.first < 1:
            raise InvalidInput(f"first is {page.first}; it must be at least 1", ("first",))
        self._check_open()
        if put is None:
            return Result((), (), has_next=False)
        with translated(self._name):
            found = asked(self._client, page_of(query.query, put, page), self._call)
        documents = [decoded(read.message) for read in found[: page.first]]
        cursors = (cursor(query.query, document, read.id) for document, read in zip(documents, found, strict=False))
        return Result(tuple(documents), tuple(cursors), len(found) > page.first)

    def count(self, query: BoundQuery) -> int:
        put = question(self._client, query)
        self._check_open()
        if put is None:
            return 0
        with translated(self._name):
            return int(put.count().get(**self._call)[0][0].value)

    def watch(self, target: Ref | BoundQuery, listener: Callable[[list[Document]], None]) -> RunningWatch:
        if isinstance(target, BoundQuery):
            put = question(self._client, target)
            watched: Any = None if put is None else put.limit(WATCHED_DOCUMENTS)
            arrange: Arrange = partial(in_order, target.query)
        else:
            watched, arrange = self._document(target), tuple
        self._check_open()
        return self._watches.watch(repr(target), watched, arrange, listener)

    def close(self) -> None:
        self._closed = True
        self._watches.close()
        self._client.close()

    def _read(self, refs: Sequence[Ref], *, at: Any = None) -> list[Read]:
        """Returns the documents in the order of `refs`, by one call, as they were at one moment."""
        self._check_open()
        if not refs:
            return []
        with translated(self._name):
            return by_name(self._client, [self._path(ref) for ref in refs], self._call, at=at)

    def _commit(self, attempt: Attempt) -> BaseException | None:
        """Returns why the attempt does not count; None when it does."""
        self._check_open()
        if not attempt.writes:
            return None
        request = {"database": self._client._database_string, "writes": attempt.messages(self._path)}
        with translated(self._name):
            try:
                # Sent once: whether a commit whose answer is lost has happened, only the caller can find out.
                self._client._firestore_api.commit(
                    request=request, metadata=self._client._rpc_metadata, retry=None, timeout=self._patience_s
                )
            except _OVERTAKEN as error:
                return error
        return None

    def _is_outdated(self, attempt: Attempt) -> bool:
        refs = list(attempt.reads)
        return attempt.differs_from(self._read(refs), refs)

    def _path(self, ref: Ref) -> str:
        return f"{self._client._database_string}/documents/{ref.collection}/{document_id(ref.id)}"

    def _document(self, ref: Ref) -> firestore.DocumentReference:
        return self._client.collection(ref.collection).document(document_id(ref.id))

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"{self._name} is closed")


def _wait_for_streams(client: firestore.Client) -> None:
    """Lets watches wait for a server that is away: the library asks again without a pause, which takes a whole core."""
    transport = client._firestore_api.transport
    transport._stubs["listen"] = partial(transport.listen, wait_for_ready=True)
