"""Pub/Sub as the queue, on its emulator: the suite, and what only Pub/Sub can do wrong."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator

import pytest
from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue
from ainimal_zookeeper.adapters.gcp.pubsub_topics import Names, make_topic
from ainimal_zookeeper.domain.errors import InvalidInput, Transient
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Delivery, Message
from ainimal_zookeeper.server.emulators import free_address
from google.cloud import pubsub_v1
from hypothesis import HealthCheck, settings
from job_launcher import push

from tests.conformance.deadline import DEADLINE_S, Heard, eventually
from tests.conformance.queue_suite import QueueTests, queue_machine

pytestmark = pytest.mark.emulators

_PROJECT = "tests"
_DYING_CONSUMER = """
import os, signal, sys, threading
from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue
queue = PubsubQueue(sys.argv[1], prefix=sys.argv[2], lease_s=int(sys.argv[4]))
queue.subscribe(sys.argv[3], lambda message: os.kill(os.getpid(), signal.SIGKILL))
threading.Event().wait(20)
"""


class PrefixPlace:
    """Topics with a prefix that nobody else has."""

    def __init__(self) -> None:
        self.names = Names(_PROJECT, f"t{uuid.uuid4().hex[:12]}-")
        self.opened: list[PubsubQueue] = []
        self.made = False

    def open(self, *, max_deliveries: int = 20, lease_s: int = 2) -> PubsubQueue:
        if not self.made:
            for topic in (LAUNCH_TOPIC, "other"):
                make_topic(self.names, topic, max_deliveries=max_deliveries, retry_base_s=0, ack_deadline_s=10)
            self.made = True
        self.opened.append(PubsubQueue(_PROJECT, prefix=self.names.prefix, lease_s=lease_s))
        return self.opened[-1]

    def publish_raw(self, topic: str, data: bytes) -> None:
        publisher = pubsub_v1.PublisherClient()
        publisher.publish(self.names.topic(topic), data).result(timeout=10)
        publisher.stop()
        publisher.transport.close()

    def consume_and_die(self, topic: str, lease_s: int = 1) -> None:
        command = [sys.executable, "-c", _DYING_CONSUMER, _PROJECT, self.names.prefix, topic, str(lease_s)]
        assert subprocess.run(command, check=False, timeout=60).returncode == -9

    def close(self) -> None:
        for queue in self.opened:
            queue.close()


@pytest.fixture(scope="module", autouse=True)
def emulator(pubsub_emulator: None) -> None:
    """All tests of the module need it, the state machine too."""


@pytest.fixture
def place(emulator: None) -> Iterator[PrefixPlace]:
    place = PrefixPlace()
    yield place
    place.close()


class TestPubsubQueue(QueueTests):
    ATTEMPTS_ARE_EXACT = False  # Pub/Sub promises no more than an approximation
    FEWEST_DELIVERIES = 5

    def test_message_stays_with_a_slow_handler(self, place: PrefixPlace) -> None:
        """A handler that takes longer than the lease is not overtaken by a second delivery."""
        queue, other = place.open(lease_s=1), place.open(lease_s=1)
        release, slow, lost = threading.Event(), Heard[Message](), Heard[Message]()

        def work(message: Message) -> Delivery:
            slow(message)
            assert release.wait(DEADLINE_S)
            return Delivery.ACK

        def accept(message: Message) -> Delivery:
            lost(message)
            return Delivery.ACK

        queue.subscribe(LAUNCH_TOPIC, work)
        queue.publish(LAUNCH_TOPIC, {})
        slow.wait_for(1)
        other.subscribe(LAUNCH_TOPIC, work)
        other.publish("other", {})
        place.consume_and_die("other", lease_s=3)
        other.subscribe("other", accept)
        lost.wait_for(1)  # three of our leases later
        release.set()
        assert len(slow.items) == 1

    def test_message_that_is_no_json_becomes_a_dead_letter(
        self, place: PrefixPlace, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What nobody can read comes to no handler, stops nobody, and is named in the log."""
        queue, heard = place.open(max_deliveries=5), Heard[Message]()

        def accept(message: Message) -> Delivery:
            heard(message)
            return Delivery.ACK

        place.publish_raw(LAUNCH_TOPIC, b"\xff no json")
        queue.subscribe(LAUNCH_TOPIC, accept)
        queue.publish(LAUNCH_TOPIC, {"n": 1})
        assert [message.data for message in heard.wait_for(1)] == [{"n": 1}]
        eventually(lambda: caplog.text.count("comes again until it is a dead letter") >= 5, "five deliveries")
        queue.close()
        assert place.open().dead_letters(LAUNCH_TOPIC) == []
        assert "a dead letter cannot be read" in caplog.text

    def test_dead_letter_tells_its_deliveries(self, place: PrefixPlace) -> None:
        """A dead letter keeps its id, says how often it was delivered, and can be read again and again."""
        queue, heard = place.open(max_deliveries=5), Heard[Message]()

        def refuse(message: Message) -> Delivery:
            heard(message)
            return Delivery.RETRY

        queue.subscribe(LAUNCH_TOPIC, refuse)
        message_id = queue.publish(LAUNCH_TOPIC, {"n": 1})
        heard.wait_for(5)
        eventually(lambda: bool(queue.dead_letters(LAUNCH_TOPIC)), "a dead letter")
        queue.close()
        other = place.open()
        for _ in range(2):
            assert other.dead_letters(LAUNCH_TOPIC) == [Message(message_id, LAUNCH_TOPIC, {"n": 1}, 5)]

    def test_absent_topic_is_named(self, place: PrefixPlace) -> None:
        """A message for a topic that was never made is refused with what to do."""
        with pytest.raises(Transient, match=r"topics/t\w+-ghost does not exist .*; create it"):
            place.open().publish("ghost", {})

    def test_closed_queue_is_refused(self, place: PrefixPlace) -> None:
        """Use after `close` is a mistake of the program's."""
        queue = place.open()
        queue.close()
        queue.close()
        for use in (lambda: queue.publish(LAUNCH_TOPIC, {}), lambda: queue.dead_letters(LAUNCH_TOPIC)):
            with pytest.raises(RuntimeError, match="closed"):
                use()

    def test_pushes_to_the_launcher(self, place: PrefixPlace) -> None:
        """A push subscription posts messages as the launcher reads them, again after 503, until 204."""
        heard = Heard[Message]()

        class Endpoint(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = push._message(self.rfile.read(int(self.headers["Content-Length"])))
                assert message is not None
                self.send_response(204 if heard.items else 503)
                self.end_headers()
                heard(message)

            def log_message(self, *_: object) -> None:
                """The test says what came."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            make_topic(place.names, "pushed", push_endpoint=f"http://127.0.0.1:{server.server_port}/")
            place.open().publish("pushed", {"instanceId": "a"})
            messages = heard.wait_for(2)
            server.shutdown()
        assert [message.data for message in messages] == [{"instanceId": "a"}] * 2


def test_refuses_a_maximum_that_pubsub_does_not_take() -> None:
    """Four deliveries are too few for Pub/Sub, and told before anything is made."""
    with pytest.raises(InvalidInput, match="max_deliveries is 4; Pub/Sub takes 5 to 100"):
        make_topic(Names(_PROJECT), LAUNCH_TOPIC, max_deliveries=4)


def test_gives_up_making_a_topic_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library alone would try for ten minutes."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", free_address())
    with pytest.raises(Transient, match="topics/launches cannot be used now"):
        make_topic(Names(_PROJECT), LAUNCH_TOPIC, patience_s=0.2)


def _temporary_place() -> tuple[Callable[[], PubsubQueue], Callable[[], None]]:
    place = PrefixPlace()
    return lambda: place.open(max_deliveries=5), place.close


TestPubsubQueueAsAModel = queue_machine(_temporary_place, max_deliveries=5, exact=False).TestCase
TestPubsubQueueAsAModel.settings = settings(
    max_examples=4, stateful_step_count=10, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
