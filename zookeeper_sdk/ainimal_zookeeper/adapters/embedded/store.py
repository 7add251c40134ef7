"""The document store of the embedded zoo: one SQLite file."""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Callable, Hashable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson

from ainimal_zookeeper.domain.cursors import cursor, place
from ainimal_zookeeper.domain.documents import Document, Ref, nests_lists
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput
from ainimal_zookeeper.domain.queries import BoundQuery, Page, Result
from ainimal_zookeeper.ports.store import Transaction

from .database import Database
from .index import DECLARATIONS, entries, keys
from .watching import Notifier, RunningWatch

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (collection TEXT, id TEXT, json TEXT NOT NULL, PRIMARY KEY (collection, id));
CREATE TABLE IF NOT EXISTS entry (query TEXT, key TEXT, place, id TEXT, PRIMARY KEY (query, key, place, id))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL)
"""
_GET = "SELECT json FROM document WHERE collection = ? AND id = ?"
_PUT = "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET json = excluded.json"
_DELETE = "DELETE FROM document WHERE collection = ? AND id = ?"
_ENTER = "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)"
_LEAVE = "DELETE FROM entry WHERE query = ? AND key = ? AND place = ? AND id = ?"
_UP = """
SELECT place, entry.id, json FROM entry JOIN document ON collection = ? AND document.id = entry.id
WHERE query = ? AND key = ? AND (place, entry.id) > (?, ?) ORDER BY place, entry.id LIMIT ?
"""
_DOWN = """
SELECT place, entry.id, json FROM entry JOIN document ON collection = ? AND document.id = entry.id
WHERE query = ? AND key = ? AND (place, entry.id) < (?, ?) ORDER BY place DESC, entry.id DESC LIMIT ?
"""
_BEFORE_ALL: tuple[tuple[Any, str], ...] = ((float("-inf"), ""), (b"", ""))  # numbers < text < blobs, says SQLite

WATCHED_DOCUMENTS = 100
MAX_DOCUMENT_BYTES = 1 << 20


class _Row(NamedTuple):
    place: Any
    id: str
    json: str


class SqliteStore:
    """A `DocumentStore` in the file `path`, which several processes may have open."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)
        self._notifier = Notifier(self._read_target, self._decode, self._database.changed_elsewhere)
        try:
            self._build_index()
        except BaseException:
            self._database.close()
            raise

    def get(self, ref: Ref) -> Document | None:
        with self._database.reading() as connection:
            return self._decode_found(_read(connection, ref))

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        with self._database.snapshot() as connection:
            return [self._decode_found(_read(connection, ref)) for ref in refs]

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        # The first run reads a snapshot and holds nobody up. When what it read is still so at the commit, it counts;
        # otherwise the second run has the writer's turn for itself and counts in any case.
        with self._database.snapshot() as connection:
            attempt = _Attempt(connection, self._decode)
            result = fn(attempt)
        if not attempt.writes:
            return result
        with self._database.writing() as connection:
            if any(_read(connection, ref) != text for ref, text in attempt.reads.items()):
                attempt = _Attempt(connection, self._decode)
                result = fn(attempt)
            touched = self._apply(connection, attempt.writes)
        self._notifier.note(touched)
        return result

    def query(self, query: BoundQuery, page: Page) -> Result:
        if page.first < 1:
            raise InvalidInput(f"first is {page.first}; it must be at least 1", ("first",))
        rows = self._rows(query, page.first + 1, page.after)
        shown = rows[: page.first]
        return Result(
            tuple(self._decode(row.json) for row in shown),
            tuple(cursor(query.query, row.place, row.id) for row in shown),
            len(rows) > page.first,
        )

    def count(self, query: BoundQuery) -> int:
        ranges = keys(query)
        with self._database.snapshot() as connection:
            counts = [
                connection.execute("SELECT count(*) FROM entry WHERE query = ? AND key = ?", key).fetchone()[0]
                for key in ranges
            ]
        return sum(counts)

    def watch(self, target: Ref | BoundQuery, listener: Callable[[list[Document]], None]) -> RunningWatch:
        return self._notifier.watch(target, keys(target) if isinstance(target, BoundQuery) else [target], listener)

    def close(self) -> None:
        self._notifier.close()
        self._database.close()

    def _apply(self, connection: sqlite3.Connection, writes: dict[Ref, str | None]) -> set[Hashable]:
        """Writes documents and their index rows. Returns all that changed: refs and ranges of the index."""
        touched: set[Hashable] = set()
        for ref, text in writes.items():
            old_text = _read(connection, ref)
            old = set() if old_text is None else entries(ref.collection, self._decode(old_text))
            new = set() if text is None else entries(ref.collection, self._decode(text))
            if text is None:
                connection.execute(_DELETE, ref)
            else:
                connection.execute(_PUT, (*ref, text))
            connection.executemany(_LEAVE, [(*entry, ref.id) for entry in old - new])
            connection.executemany(_ENTER, [(*entry, ref.id) for entry in new - old])
            touched.add(ref)
            touched.update(entry[:2] for entry in old | new)
        return touched

    def _build_index(self) -> None:
        """Makes all index rows anew when the declarations of queries have changed since they were made."""
        with self._database.reading() as connection:
            if _about_index(connection) == DECLARATIONS:
                return
        with self._database.writing() as connection:
            connection.execute("DELETE FROM entry")
            for collection, document_id, text in connection.execute("SELECT collection, id, json FROM document"):
                found = entries(collection, self._decode(text))
                connection.executemany(_ENTER, [(*entry, document_id) for entry in found])
            connection.execute("INSERT OR REPLACE INTO about VALUES ('index', ?)", (DECLARATIONS,))

    def _rows(self, query: BoundQuery, limit: int, after: str | None = None) -> list[_Row]:
        ranges = keys(query)
        statement = _DOWN if query.query.descending else _UP
        start = _BEFORE_ALL[query.query.descending] if after is None else place(query.query, after)
        with self._database.snapshot() as connection:
            parts = [
                map(_Row._make, connection.execute(statement, (query.query.collection, *key, *start, limit)))
                for key in ranges
            ]
            return list(islice(heapq.merge(*parts, key=_sort_key, reverse=query.query.descending), limit))

    def _read_target(self, target: Ref | BoundQuery) -> list[str]:
        if isinstance(target, BoundQuery):
            return [row.json for row in self._rows(target, WATCHED_DOCUMENTS)]
        with self._database.reading() as connection:
            text = _read(connection, target)
        return [] if text is None else [text]

    def _decode_found(self, text: str | None) -> Document | None:
        return None if text is None else self._decode(text)

    def _decode(self, text: str) -> Document:
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            document = self._decode_slowly(text)
        if not isinstance(document, dict):
            raise DataCorrupt(f"{self._database.path} holds a document that is no JSON object: {text[:80]!r}")
        return document

    def _decode_slowly(self, text: str) -> Any:
        # NaN and infinities, which a learning curve may hold and strict JSON has no words for.
        try:
            return json.loads(text)
        except ValueError as error:
            raise DataCorrupt(
                f"{self._database.path} holds a document that is no JSON ({error}): {text[:80]!r}; "
                "move the file aside, or repair the document in its table `document`"
            ) from error


class _Attempt:
    """A `Transaction`: remembers what it read, as stored, and keeps its writes for the commit."""

    def __init__(self, connection: sqlite3.Connection, decode: Callable[[str], Document]) -> None:
        self._connection = connection
        self._decode = decode
        self.reads: dict[Ref, str | None] = {}
        self.writes: dict[Ref, str | None] = {}

    def get(self, ref: Ref) -> Document | None:
        if self.writes:
            raise RuntimeError(f"{ref} is read after a write; read everything before the first write")
        text = self.reads[ref] = _read(self._connection, ref)
        return None if text is None else self._decode(text)

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        return [self.get(ref) for ref in refs]

    def put(self, ref: Ref, document: Document) -> None:
        self.writes[ref] = _encode(ref, document)

    def delete(self, ref: Ref) -> None:
        self.writes[ref] = None


_encoder = json.JSONEncoder(separators=(",", ":"))


def _encode(ref: Ref, document: Document) -> str:
    """Raises: RuntimeError for a list in a list, InvalidInput above 1 MiB: what Firestore would not take either."""
    text = _encoder.encode(document)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidInput(
            f"document {ref.collection}/{ref.id} has {len(text)} bytes; at most {MAX_DOCUMENT_BYTES} fit"
        )
    if ("[[" in text or ",[" in text) and nests_lists(document):  # the text tells cheaply that there is none
        raise RuntimeError(f"document {ref.collection}/{ref.id} holds a list in a list; store it as a JSON string")
    return text


def _read(connection: sqlite3.Connection, ref: Ref) -> str | None:
    row = connection.execute(_GET, ref).fetchone()
    return None if row is None else str(row[0])


def _about_index(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT value FROM about WHERE name = 'index'").fetchone()
    return None if row is None else str(row[0])


def _sort_key(row: _Row) -> tuple[bool, Any, str]:
    """SQLite's order: numbers before text."""
    return isinstance(row.place, str), row.place, row.id
