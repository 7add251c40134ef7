"""Pub/Sub as the queue, on its emulator: the suite, and what only Pub/Sub can do wrong."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue
from ainimal_zookeeper.adapters.gcp.pubsub_topics import Names, make_topic
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC

from tests.conformance.queue_suite import QueueTests

pytestmark = pytest.mark.emulators

_PROJECT = "tests"
_DYING_CONSUMER = """
import os, signal, sys, threading
from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue
queue = PubsubQueue(sys.argv[1], prefix=sys.argv[2], lease_s=1)
queue.subscribe(sys.argv[3], lambda message: os.kill(os.getpid(), signal.SIGKILL))
threading.Event().wait(20)
"""


class PrefixPlace:
    """Topics with a prefix that nobody else has."""

    def __init__(self) -> None:
        self.names = Names(_PROJECT, f"t{uuid.uuid4().hex[:12]}-")
        self.opened: list[PubsubQueue] = []
        self.made = False

    def open(self, *, max_deliveries: int = 20) -> PubsubQueue:
        if not self.made:
            for topic in (LAUNCH_TOPIC, "other"):
                make_topic(self.names, topic, max_deliveries=max_deliveries, retry_base_s=0)
            self.made = True
        self.opened.append(PubsubQueue(_PROJECT, prefix=self.names.prefix, lease_s=2))
        return self.opened[-1]

    def consume_and_die(self, topic: str) -> None:
        command = [sys.executable, "-c", _DYING_CONSUMER, _PROJECT, self.names.prefix, topic]
        assert subprocess.run(command, check=False, timeout=60).returncode == -9

    def close(self) -> None:
        for queue in self.opened:
            queue.close()


@pytest.fixture
def place(pubsub_emulator: None) -> Iterator[PrefixPlace]:
    place = PrefixPlace()
    yield place
    place.close()


class TestPubsubQueue(QueueTests):
    ATTEMPTS_ARE_EXACT = False  # Pub/Sub promises no more than an approximation
    FEWEST_DELIVERIES = 5
