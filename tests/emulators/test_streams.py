"""Streams on Firestore: two API processes with a client library each, and a third that writes."""

from __future__ import annotations

import random
import uuid
from collections import Counter

import pytest
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.domain.documents import Collections
from graphql_api.api import Api
from graphql_api.console import ConsoleSettings
from graphql_api.link import LinkSettings
from graphql_api.stream import StreamSettings

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.follower import Follower, Story, follow
from tests.fakes.queue import FakeQueue
from tests.fakes.runner import FakeRunner

pytestmark = pytest.mark.emulators


@pytest.mark.parametrize("seed", range(3))
async def test_every_event_and_line_is_told_once(firestore_emulator: None, seed: int) -> None:
    """As in memory: over rotations, lost connections and changes of the process nothing is lost or comes twice."""
    random_, clock, project = random.Random(seed), FakeClock(), f"test-{uuid.uuid4().hex[:12]}"
    stores = [FirestoreStore(project) for _ in range(3)]
    apis = [
        Api(
            store=store,
            queue=FakeQueue(),
            dialer=LoopbackDialer(),
            bucket=MemoryBucket,
            clock=clock,
            ids=SequentialIds(),
            secret=zoo.SECRET,
            profile="embedded",
            links=LinkSettings(linger_s=0.05, first_retry_s=0.01, last_retry_s=0.05),
            consoles=ConsoleSettings(poll_s=0.05, poll_linked_s=0.1),
            streams=StreamSettings(events_per_s=500.0, rotate_bytes=random_.choice([1, 2_000, 8_000])),
        )
        for store in stores[:2]
    ]
    async with FakeRunner(zoo.SECRET) as runner:
        row = zoo.instance(clock.now())
        row["status"] |= {"phase": "RUNNING", "claimed": True, "liveAddress": runner.address}
        zoo.put(stores[2], Collections.INSTANCES, dict(row))
        story = Story(random_, stores[2], clock, runner)
        async with Follower(random_, apis, {"instanceIds": ["ins_1"], "logs": ["ins_1"]}) as follower:
            await follow(story, follower, random_, clock, 100)
        for api in apis:
            await api.close()
    for store in stores:
        store.close()
    told = Counter(follower.events), Counter(follower.lines)
    assert [set(of) for of in told] == [set(story.events), set(story.lines)]
    assert [[name for name, times in of.items() if times > 1] for of in told] == [[], []]
