"""One SQLite file: its connections, its one writer, and what its errors mean to the zoo."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ainimal_zookeeper.domain.errors import DataCorrupt, Transient

PATIENCE_S = 10.0

# NORMAL is safe against kill -9 but may lose the last commits with the power. A commit of three documents takes 0.3 ms
# with FULL against 0.05 ms, which no mutation notices.
_FULL = "PRAGMA synchronous = FULL"
_NORMAL = "PRAGMA synchronous = NORMAL"


class Database:
    """Connections to the SQLite file at `path`, which is made with `schema` when it is new. Thread-safe.

    Readers never wait. Writers take turns, within this process by a lock (SQLite's own waiting polls) and among
    processes by SQLite's. Raises, from everything: Transient, DataCorrupt; RuntimeError after `close`.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        self._readers: deque[sqlite3.Connection] = deque()
        self._turn = threading.Lock()
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Transient(f"the folder {path.parent} cannot be made: {error.strerror or error}", 5.0) from error
        with self._translated():
            self._writer = self._connect()
        try:
            with self._translated():
                self._writer.execute("PRAGMA journal_mode = WAL").fetchone()
            with self.writing() as connection:
                for statement in filter(str.strip, schema.split(";")):
                    connection.execute(statement)
            self._version = self._data_version()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yields a connection in autocommit mode: each statement sees what is committed when it starts."""
        with self._translated():
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._connect()
            try:
                yield connection
            finally:
                if self._closed:
                    connection.close()
                else:
                    self._readers.append(connection)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Yields a connection whose statements all see the same moment."""
        with self.reading() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Yields the writer within a transaction that is committed at the end, or rolled back by an exception.

        A commit that is not `durable` survives the end of the process in any way, but not a loss of power.
        """
        if not self._turn.acquire(timeout=PATIENCE_S):
            raise Transient(f"{self.path} has been busy for {PATIENCE_S:g} s; try again")
        try:
            with self._translated():
                self._writer.execute(_FULL if durable else _NORMAL)
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    self._writer.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise
        finally:
            self._turn.release()

    def changed_elsewhere(self) -> bool:
        """Tells whether anything but `writing` of this object has committed since the last call.

        May say no too often while a writer is at work; the next call makes up for it.
        """
        if not self._turn.acquire(blocking=False):
            return False
        try:
            with self._translated():
                before, self._version = self._version, self._data_version()
                return before != self._version
        finally:
            self._turn.release()

    def close(self) -> None:
        """Closes the file; what is being read is read to its end."""
        self._closed = True
        with self._turn:
            self._writer.close()
        while self._readers:
            with suppress(IndexError):
                self._readers.pop().close()

    def _data_version(self) -> int:
        # SQLite's own commits do not count for the connection that made them, and all of ours come by this one.
        return int(self._writer.execute("PRAGMA data_version").fetchone()[0])

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise RuntimeError(f"{self.path} is closed")
        return sqlite3.connect(self.path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if self._closed:
                raise RuntimeError(f"{self.path} is closed") from error
            raise translated(error, self.path) from error


def translated(error: sqlite3.Error, path: Path) -> Exception:
    """Returns what `error` of the file at `path` means, with what to do about it."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return DataCorrupt(
            f"{path} is damaged ({error}); stop the zoo and move it aside together with {path.name}-wal and "
            f"{path.name}-shm, then start again with an empty one; `sqlite3 {path.name} .recover` may save what it held"
        )
    if primary == sqlite3.SQLITE_FULL:
        return Transient(f"the disk that holds {path} is full ({error}); free some space, nothing was changed", 5.0)
    if primary == sqlite3.SQLITE_IOERR:
        return Transient(f"{path} cannot be read or written ({error}); check its disk, which may be full", 5.0)
    if primary in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return Transient(
            f"{path} cannot be written ({error}); let this user write the file and its folder {path.parent}", 5.0
        )
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Transient(f"{path} has been busy for {PATIENCE_S:g} s; another process holds it, try again")
    return error
