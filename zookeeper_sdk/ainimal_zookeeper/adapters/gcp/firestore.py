"""The document store of the cloud zoo: Firestore in native mode."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime
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
from .firestore_attempt import Attempt, Overtaken
from .firestore_queries import cursor, document_id, in_order, page_of, question
from .firestore_watching import Arrange, RunningWatch, Watches

T = TypeVar("T")

WATCHED_DOCUMENTS = 100

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.2
_OVERTAKEN = (
    Overtaken,
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

    Transactions are optimistic: `fn` runs on a snapshot and holds no locks, so a slow one holds up nobody. At the
    commit Firestore checks that what was read is still so: by preconditions where all that was read is written, too;
    otherwise in a transaction of Firestore's that reads it again. Contention and absence of the service are borne for
    `patience_s`.
    """

    def __init__(self, project: str, *, database: str = "(default)", patience_s: float = PATIENCE_S) -> None:
        self._name = f"the Firestore database {database} of {project}"
        with translated(self._name):
            self._client = firestore.Client(project=project, database=database)
            _wait_for_streams(self._client)
        self._patience_s = patience_s
        retry = Retry(_TRIED_AGAIN, initial=0.1, maximum=1.0, timeout=patience_s)
        self._call: dict[str, Any] = {"retry": retry, "timeout": patience_s}
        self._watches = Watches(openings=1 if self._client._emulator_host is None else 2)
        self._closed = False

    def get(self, ref: Ref) -> Document | None:
        return self.get_many([ref])[0]

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        return [snapshot.to_dict() for snapshot in self._read(refs)]

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
        asked = question(self._client, query)
        if page.first < 1:
            raise InvalidInput(f"first is {page.first}; it must be at least 1", ("first",))
        self._check_open()
        if asked is None:
            return Result((), (), has_next=False)
        asked = page_of(query.query, asked, page)
        with translated(self._name):
            found = list(asked.stream(**self._call))
        shown = found[: page.first]
        return Result(
            tuple(snapshot.to_dict() for snapshot in shown),
            tuple(cursor(query.query, snapshot) for snapshot in shown),
            len(found) > page.first,
        )

    def count(self, query: BoundQuery) -> int:
        asked = question(self._client, query)
        self._check_open()
        if asked is None:
            return 0
        with translated(self._name):
            return int(asked.count().get(**self._call)[0][0].value)

    def watch(self, target: Ref | BoundQuery, listener: Callable[[list[Document]], None]) -> RunningWatch:
        if isinstance(target, BoundQuery):
            asked = question(self._client, target)
            watched: Any = None if asked is None else asked.limit(WATCHED_DOCUMENTS)
            arrange: Arrange = partial(in_order, target.query)
        else:
            watched, arrange = self._document(target), tuple
        self._check_open()
        return self._watches.watch(repr(target), watched, arrange, listener)

    def close(self) -> None:
        self._closed = True
        self._watches.close()
        self._client.close()

    def _read(
        self, refs: Sequence[Ref], *, at: datetime | None = None, transaction: Any = None
    ) -> list[firestore.DocumentSnapshot]:
        """Returns the documents in the order of `refs`, by one call, as they were at one moment."""
        self._check_open()
        documents = [self._document(ref) for ref in refs]
        unique = {document.path: document for document in documents}
        if not unique:
            return []
        with translated(self._name):
            snapshots = self._client.get_all(list(unique.values()), transaction=transaction, read_time=at, **self._call)
            found = {snapshot.reference.path: snapshot for snapshot in snapshots}
        return [found[document.path] for document in documents]

    def _commit(self, attempt: Attempt) -> BaseException | None:
        """Returns why the attempt does not count; None when it does."""
        self._check_open()
        if not attempt.writes:
            return None
        try:
            with translated(self._name):
                try:
                    self._send(attempt)
                except Exception as error:
                    if _is_overtaken(error):
                        return error
                    raise
        except ValueError as error:
            raise InvalidInput(f"{self._name} cannot hold a value of {list(attempt.writes)}: {error}") from error
        return None

    def _send(self, attempt: Attempt) -> None:
        if not attempt.writes_all_it_read:
            firestore.transactional(self._send_checked)(self._client.transaction(max_attempts=1), attempt)
            return
        batch = self._client.batch()
        attempt.fill(batch, self._document)
        # Sent once: whether a commit whose answer is lost has happened, only the caller can find out.
        batch.commit(retry=None, timeout=self._patience_s)

    def _is_outdated(self, attempt: Attempt) -> bool:
        return attempt.differs_from(self._read(list(attempt.reads)))

    def _send_checked(self, transaction: firestore.Transaction, attempt: Attempt) -> None:
        if attempt.differs_from(self._read(list(attempt.reads), transaction=transaction)):
            raise Overtaken
        attempt.fill(transaction, self._document)

    def _document(self, ref: Ref) -> firestore.DocumentReference:
        return self._client.collection(ref.collection).document(document_id(ref.id))

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"{self._name} is closed")


def _wait_for_streams(client: firestore.Client) -> None:
    """Lets watches wait for a server that is away: the library asks again without a pause, which takes a whole core."""
    transport = client._firestore_api.transport
    transport._stubs["listen"] = partial(transport.listen, wait_for_ready=True)


def _is_overtaken(error: BaseException | None) -> bool:
    """The library wraps what went wrong in ValueErrors and errors of its own rollback."""
    while error is not None:
        if isinstance(error, _OVERTAKEN):
            return True
        error = error.__cause__ or error.__context__
    return False
