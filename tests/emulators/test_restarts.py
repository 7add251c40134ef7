"""Services that go away for a while and come back at the same address, empty, as emulators do."""

from __future__ import annotations

import signal
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue
from ainimal_zookeeper.adapters.gcp.pubsub_topics import Names, make_topic
from ainimal_zookeeper.adapters.gcp.storage import StorageBucket
from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.errors import NotFound, Transient
from ainimal_zookeeper.domain.queries import INSTANCES, Page
from ainimal_zookeeper.ports.queue import Delivery, Message
from ainimal_zookeeper.server.emulators import FIRESTORE, PUBSUB, STORAGE, EmulatorProcess, Kind, free_address

from tests.conformance.deadline import Heard, eventually
from tests.conformance.store_suite import A, instance, put
from tests.conftest import give_up

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(300)]  # each start of an emulator takes seconds

AWAY_S = 3.0
MOST_CPU = 0.3  # of a core, while a service is away
PATIENCE_S = 1.0


class Service:
    """An emulator of this test's own, at one address for as long as the test lasts."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.address = free_address()
        self._folder = folder
        self._process: EmulatorProcess | None = None

    def start(self) -> None:
        command = self.kind.command(self.address, self._folder, False)
        self._process = EmulatorProcess(self.kind.service, command, self.address, self._folder / "log")
        self._process.wait()

    def stop(self, how: signal.Signals) -> None:
        assert self._process is not None
        if how is signal.SIGKILL:
            self._process.kill()
        self._process.end()


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Kind], Service]]:
    """Starts an emulator and tells the client libraries of it."""
    started: list[Service] = []

    def start(kind: Kind) -> Service:
        service = Service(kind, tmp_path)
        try:
            service.start()
        except NotFound as error:
            give_up(error.message)
        monkeypatch.setenv(kind.variable, kind.scheme + service.address)
        started.append(service)
        return service

    yield start
    for service in started:
        service.stop(signal.SIGKILL)


def cpu_share(seconds: float) -> float:
    """Returns how much of a core this process takes in the next `seconds`."""
    process = psutil.Process()
    before = sum(process.cpu_times()[:2])
    threading.Event().wait(seconds)
    return float(sum(process.cpu_times()[:2]) - before) / seconds


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_store_outlives_a_restart(start: Callable[[Kind], Service], how: signal.Signals) -> None:
    """Meanwhile uses say so within their patience and watches are quiet; afterwards both go on by themselves."""
    service = start(FIRESTORE)
    store = FirestoreStore(f"test-{uuid.uuid4().hex[:8]}", patience_s=PATIENCE_S)
    _until(lambda: put(store, instance("a", n=1)))
    documents, rows = Heard[list[Document]](), Heard[list[Document]]()
    store.watch(A, documents)
    store.watch(INSTANCES.bind(), rows)
    documents.wait_until_last([instance("a", n=1)])
    rows.wait_until_last([instance("a", n=1)])
    threads = threading.active_count()

    service.stop(how)
    asked_at = time.monotonic()
    with pytest.raises(Transient, match="cannot be used now"):
        store.get(A)
    assert time.monotonic() - asked_at < 5 * PATIENCE_S
    assert cpu_share(AWAY_S) < MOST_CPU
    for use in (lambda: put(store, instance("a")), lambda: store.query(INSTANCES.bind(), Page(1))):
        with pytest.raises(Transient, match="cannot be used now"):
            use()

    service.start()
    _until(lambda: put(store, instance("a", n=2)))
    assert store.get(A) == instance("a", n=2)
    eventually(lambda: documents.items[-1] == [instance("a", n=2)], "the watch of the document tells the new state")
    eventually(lambda: rows.items[-1] == [instance("a", n=2)], "the watch of the query tells the new state")
    put(store, instance("a", n=3))
    documents.wait_until_last([instance("a", n=3)])
    rows.wait_until_last([instance("a", n=3)])
    assert cpu_share(1) < MOST_CPU
    eventually(lambda: threading.active_count() <= threads + 2, "no threads are left over")
    store.close()


def test_queue_outlives_a_restart(start: Callable[[Kind], Service]) -> None:
    """A publisher is told; once topics are made anew, what is published comes to who subscribed before."""
    service = start(PUBSUB)
    names = Names(f"test-{uuid.uuid4().hex[:8]}")
    queue, heard = PubsubQueue(names.project), Heard[dict[str, object]]()

    def hear(message: Message) -> Delivery:
        heard(dict(message.data))
        return Delivery.ACK

    make_topic(names, "launch", ack_deadline_s=10)
    queue.subscribe("launch", hear)
    queue.publish("launch", {"n": 1})
    heard.wait_for(1)
    threads = threading.active_count()

    service.stop(signal.SIGKILL)
    assert cpu_share(AWAY_S) < MOST_CPU
    with pytest.raises(Transient, match=names.topic("launch")):
        queue.publish("launch", {"n": 2})

    service.start()
    eventually(lambda: "does not exist" in _refusal(queue), "the publisher reaches the service")
    make_topic(names, "launch", ack_deadline_s=10)
    queue.publish("launch", {"n": 2})
    eventually(lambda: {"n": 2} in heard.items, "the message comes")
    eventually(lambda: threading.active_count() <= threads + 2, "no threads are left over")
    queue.close()


def _refusal(queue: PubsubQueue) -> str:
    """Returns why a publish fails; the longer a service was away, the later the library looks for it again."""
    with pytest.raises(Transient) as refused:
        queue.publish("launch", {"n": 2})
    return refused.value.message


def test_bucket_outlives_a_restart(start: Callable[[Kind], Service]) -> None:
    """What is asked while the service is away is told so; afterwards the same bucket takes and gives."""
    service = start(STORAGE)
    _make_bucket(service.address)
    bucket = StorageBucket("zoo", project="tests", patience_s=PATIENCE_S)
    bucket.put("runs/a", b"1")

    service.stop(signal.SIGKILL)
    for use in (lambda: bucket.put("runs/a", b"2"), lambda: bucket.get("runs/a")):
        with pytest.raises(Transient, match="the bucket zoo cannot be used now"):
            use()

    service.start()
    with pytest.raises(Transient, match=r"the bucket zoo does not exist .*; create it"):
        bucket.put("runs/a", b"2")
    _make_bucket(service.address)
    info = bucket.put("runs/a", b"3", if_generation=0)
    assert (bucket.get("runs/a"), bucket.info("runs/a")) == (b"3", info)
    bucket.close()


def _make_bucket(address: str) -> None:
    request = urllib.request.Request(
        f"http://{address}/storage/v1/b?project=tests", b'{"name": "zoo"}', {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.status == 200


def _until(use: Callable[[], object], patience_s: float = 60.0) -> None:
    """Does it again until it is not refused: a cold emulator takes seconds, and who gets a Transient tries again."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with suppress(Transient):
            use()
            return
    pytest.fail(f"it is refused for {patience_s:g} s")
