"""SQLite as the queue: the suite, a model, and what only a file can do wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.queue import SqliteQueue
from ainimal_zookeeper.domain.errors import DataCorrupt, Transient
from ainimal_zookeeper.ports.queue import Delivery, Message

from tests.conformance.deadline import DEADLINE_S, Heard, eventually
from tests.conformance.queue_suite import QueueTests, queue_machine

_DYING_CONSUMER = """
import os, pathlib, signal, sys, threading
from ainimal_zookeeper.adapters.embedded.queue import SqliteQueue
queue = SqliteQueue(pathlib.Path(sys.argv[1]), lease_s=0.2)
queue.subscribe(sys.argv[2], lambda message: os.kill(os.getpid(), signal.SIGKILL))
threading.Event().wait(20)
"""


class FilePlace:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[SqliteQueue] = []

    def open(self, *, max_deliveries: int = 20, lease_s: float = 0.3) -> SqliteQueue:
        queue = SqliteQueue(self.path, max_deliveries=max_deliveries, retry_base_s=0.001, lease_s=lease_s)
        self.opened.append(queue)
        return queue

    def consume_and_die(self, topic: str) -> None:
        command = [sys.executable, "-c", _DYING_CONSUMER, str(self.path), topic]
        assert subprocess.run(command, check=False, timeout=30).returncode == -9

    def close(self) -> None:
        for queue in self.opened:
            queue.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[FilePlace]:
    place = FilePlace(tmp_path / "state" / "queue.sqlite3")
    yield place
    place.close()


class TestSqliteQueue(QueueTests):
    """Bound."""


def test_message_stays_with_a_slow_handler(place: FilePlace) -> None:
    """A handler that takes longer than the lease is not overtaken by a second delivery."""
    queue = place.open(lease_s=0.15)
    release, slow, quick = threading.Event(), Heard[Message](), Heard[Message]()

    def handle(message: Message) -> Delivery:
        if message.topic == "slow":
            slow(message)
            assert release.wait(DEADLINE_S)
        else:
            quick(message)
        return Delivery.RETRY if message.topic == "quick" and message.attempt < 11 else Delivery.ACK

    queue.subscribe("slow", handle)
    queue.subscribe("quick", handle)
    queue.publish("slow", {})
    slow.wait_for(1)
    queue.publish("quick", {})
    quick.wait_for(11)  # 1 + 2 + 4 + ... + 512 ms of delays: several leases
    release.set()
    assert [message.attempt for message in slow.items] == [1]


def test_message_that_kills_its_process_becomes_a_dead_letter(place: FilePlace) -> None:
    """Deliveries that end with the process's death count towards the maximum."""
    message_id = place.open(max_deliveries=1).publish("launches", {})
    place.consume_and_die("launches")
    queue = place.open(max_deliveries=1)
    heard = Heard[Message]()

    def handle(message: Message) -> Delivery:
        heard(message)
        return Delivery.ACK

    queue.subscribe("launches", handle)
    eventually(lambda: bool(queue.dead_letters("launches")), "a dead letter")
    assert [letter.id for letter in queue.dead_letters("launches")] == [message_id]
    assert heard.items == []


def test_full_disk_refuses_the_message(place: FilePlace) -> None:
    """A message that cannot be made durable is refused with the file's name; the queue goes on."""
    queue = place.open()
    with queue._database.writing() as connection:
        connection.execute("PRAGMA max_page_count = 10")
    with pytest.raises(Transient, match=r"queue\.sqlite3 is full"):
        queue.publish("launches", {"text": "x" * 100_000})
    heard = Heard[Message]()

    def handle(message: Message) -> Delivery:
        heard(message)
        return Delivery.ACK

    queue.subscribe("launches", handle)
    queue.publish("launches", {"text": "short"})
    assert [message.data["text"] for message in heard.wait_for(1)] == ["short"]


def test_names_a_damaged_file(tmp_path: Path) -> None:
    """A queue file that is no database is reported with its name."""
    path = tmp_path / "queue.sqlite3"
    path.write_bytes(b"no database " * 100)
    with pytest.raises(DataCorrupt, match=r"queue\.sqlite3 is damaged"):
        SqliteQueue(path)


def _temporary_place() -> tuple[Callable[[], SqliteQueue], Callable[[], None]]:
    folder = Path(tempfile.mkdtemp())
    return (
        lambda: SqliteQueue(folder / "queue", max_deliveries=3, retry_base_s=0.001),
        lambda: shutil.rmtree(folder),
    )


TestSqliteQueueAsAModel = queue_machine(_temporary_place, max_deliveries=3).TestCase
