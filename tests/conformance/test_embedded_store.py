"""SQLite as the document store, and what only a file can do wrong."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.database import translated
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Document, Ref
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput, Transient
from ainimal_zookeeper.domain.queries import Page

from tests.conformance.deadline import Heard
from tests.conformance.store_suite import A, StoreTests, all_pages, instance, put, store_machine


class FilePlace:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[SqliteStore] = []

    def open(self) -> SqliteStore:
        self.opened.append(SqliteStore(self.path))
        return self.opened[-1]

    def raw_read(self, ref: Ref) -> Document | None:
        connection = sqlite3.connect(self.path)
        row = connection.execute("SELECT json FROM document WHERE collection = ? AND id = ?", ref).fetchone()
        connection.close()
        return None if row is None else dict(json.loads(row[0]))

    def raw_write(self, ref: Ref, document: Document | str) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", (*ref, text))
        connection.close()

    def close(self) -> None:
        for store in self.opened:
            store.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[FilePlace]:
    place = FilePlace(tmp_path / "state" / "zoo.sqlite3")
    yield place
    place.close()


class TestSqliteStore(StoreTests):
    def test_keeps_documents_for_the_next_process(self, place: FilePlace) -> None:
        """What was written is there, also in queries, when the file is opened again."""
        store = place.open()
        put(store, instance("a"))
        store.close()
        assert all_pages(place.open(), queries.INSTANCES.bind(), 5) == ["a"]

    def test_loses_nothing_when_killed(self, place: FilePlace) -> None:
        """A process that dies by SIGKILL right after a commit has kept it."""
        program = """
import os, pathlib, signal, sys
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain.documents import Ref
store = SqliteStore(pathlib.Path(sys.argv[1]))
store.transact(lambda transaction: transaction.put(Ref("instances", "a"), {"id": "a"}))
os.kill(os.getpid(), signal.SIGKILL)
"""
        assert subprocess.run([sys.executable, "-c", program, str(place.path)], check=False).returncode == -9
        assert place.open().get(A) == {"id": "a"}

    def test_watch_sees_another_process(self, place: FilePlace) -> None:
        """A commit of another process is told to the watches of this one, also to those on queries."""
        heard = Heard[list[Document]]()
        place.open().watch(queries.INSTANCES.bind(), heard)
        heard.wait_for(1)
        program = """
import pathlib, sys
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain.documents import Ref
store = SqliteStore(pathlib.Path(sys.argv[1]))
document = {"id": "a", "createdAt": "2030-01-01", "status": {"phase": "RUNNING"}}
store.transact(lambda transaction: transaction.put(Ref("instances", "a"), document))
"""
        subprocess.run([sys.executable, "-c", program, str(place.path)], check=True)
        heard.wait_until_last([instance("a")])

    def test_processes_lose_no_update(self, place: FilePlace) -> None:
        """Transactions of several processes on one document all count."""
        store = place.open()
        put(store, instance("a", n=0))
        program = """
import pathlib, sys
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain.documents import Ref
ref = Ref("instances", "a")
def add(transaction):
    document = transaction.get(ref)
    transaction.put(ref, {**document, "n": document["n"] + 1})
store = SqliteStore(pathlib.Path(sys.argv[1]))
for _ in range(100):
    store.transact(add)
"""
        children = [subprocess.Popen([sys.executable, "-c", program, str(place.path)]) for _ in range(3)]
        assert [child.wait(timeout=60) for child in children] == [0, 0, 0]
        assert store.get(A) == instance("a", n=300)

    def test_builds_the_index_anew_for_other_declarations(self, place: FilePlace) -> None:
        """A file made by a zoo with other queries answers the queries of this one."""
        store = place.open()
        put(store, instance("a"), instance("b"))
        store.close()
        connection = sqlite3.connect(place.path, isolation_level=None)
        connection.execute("DELETE FROM entry")
        connection.execute("UPDATE about SET value = 'other'")
        connection.close()
        assert all_pages(place.open(), queries.INSTANCES.bind(), 5) == ["b", "a"]

    def test_queries_read_an_index(self, place: FilePlace) -> None:
        """Neither way of reading a page scans a table or sorts."""
        from ainimal_zookeeper.adapters.embedded import store as module

        place.open()
        connection = sqlite3.connect(place.path)
        for statement in (module._UP, module._DOWN):
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("instances", "q", "k", 1, "a", 5)).fetchall()
            assert all("SEARCH" in row[3] for row in plan), plan
        connection.close()

    def test_names_a_damaged_file_and_what_to_do(self, tmp_path: Path) -> None:
        """A file that is no database is reported with its name, untouched."""
        path = tmp_path / "zoo.sqlite3"
        path.write_bytes(b"this is no database at all, " * 50)
        with pytest.raises(DataCorrupt, match=r"zoo\.sqlite3 is damaged.*move it aside"):
            SqliteStore(path)
        assert path.read_bytes().startswith(b"this is no database")

    def test_notices_damage_while_reading(self, place: FilePlace) -> None:
        """Pages overwritten in the middle of the file are damage, not wrong answers."""
        store = place.open()
        put(store, *(instance(f"i{n}", notes="x" * 3000) for n in range(50)))
        store.close()
        content = place.path.read_bytes()
        place.path.write_bytes(content[:8192] + b"\xa5" * (len(content) - 8192))
        with pytest.raises(DataCorrupt, match="is damaged"):
            all_pages(place.open(), queries.INSTANCES.bind(), 50)

    def test_names_a_damaged_document(self, place: FilePlace) -> None:
        """A document that is no JSON is corrupt data."""
        store = place.open()
        place.raw_write(A, '{"id": "a", ')
        with pytest.raises(DataCorrupt, match="no JSON"):
            store.get(A)
        place.raw_write(A, "[1]")
        with pytest.raises(DataCorrupt, match="no JSON object"):
            store.get(A)

    def test_full_disk_is_transient_and_loses_nothing(self, place: FilePlace) -> None:
        """A write that does not fit changes nothing, names the file, and works once there is room."""
        store = place.open()
        put(store, instance("a", n=1))
        with store._database.writing() as connection:
            connection.execute("PRAGMA max_page_count = 20")
        with pytest.raises(Transient, match=r"disk that holds .*zoo\.sqlite3 is full"):
            put(store, instance("a", n=2), *(instance(f"i{n}", notes="x" * 9000) for n in range(50)))
        assert store.get(A) == instance("a", n=1)
        assert store.count(queries.INSTANCES.bind()) == 1
        with store._database.writing() as connection:
            connection.execute("PRAGMA max_page_count = 100000")
        put(store, instance("a", n=2))
        assert store.get(A) == instance("a", n=2)

    def test_names_a_file_that_cannot_be_written(self, place: FilePlace) -> None:
        """A read-only file and a path that is none are told with the way out."""
        place.open().close()
        connection = sqlite3.connect(f"file:{place.path}?mode=ro", uri=True)
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("DELETE FROM document")
        connection.close()
        assert "let this user write" in str(translated(caught.value, place.path))
        with pytest.raises(Transient, match="cannot be written"):
            SqliteStore(place.path.parent)
        with pytest.raises(Transient, match="cannot be made"):
            SqliteStore(place.path / "zoo.sqlite3")

    def test_refuses_documents_that_are_too_big(self, place: FilePlace) -> None:
        """More than 1 MiB is the caller's mistake, as in Firestore."""
        with pytest.raises(InvalidInput, match="1048576"):
            put(place.open(), instance("a", notes="x" * 1_048_576))

    def test_reading_goes_on_while_another_writes(self, place: FilePlace) -> None:
        """Readers do not wait for a writer's turn."""
        store, other = place.open(), place.open()
        put(store, instance("a", n=1))
        with other._database.writing() as connection:
            connection.execute("DELETE FROM document")
            assert store.get(A) == instance("a", n=1)
            assert store.query(queries.INSTANCES.bind(), Page(5)).documents == (instance("a", n=1),)


class TemporaryStore(SqliteStore):
    """A store in a folder that goes with it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp())
        super().__init__(self._folder / "zoo.sqlite3")

    def close(self) -> None:
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)


TestSqliteStoreAsADict = store_machine(TemporaryStore).TestCase
