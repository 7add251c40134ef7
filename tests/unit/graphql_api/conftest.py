"""A zoo in memory and a visitor of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.domain.documents import Collections
from graphql_api.api import Api
from graphql_api.link import LinkSettings

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.queue import FakeQueue
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

CONFIGURATION = {
    "id": "zoo",
    "name": "the zoo",
    "revision": "1",
    "maxModels": 3,
    "maxEnvironments": 2,
    "launchDeadlineSeconds": 900.0,
    "computes": [{"id": "compute_here", "name": "here", "kind": "local", "accelerators": []}],
    "allowedOrigins": [],
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    memory = MemoryStore()
    zoo.furnish(memory)
    zoo.put(memory, Collections.CONFIGURATION, CONFIGURATION)
    yield memory
    memory.close()


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest_asyncio.fixture
async def api(store: MemoryStore, queue: FakeQueue, bucket: MemoryBucket, clock: FakeClock) -> AsyncIterator[Api]:
    made = Api(
        store=store,
        queue=queue,
        dialer=LoopbackDialer(),
        bucket=lambda: bucket,
        clock=clock,
        ids=SequentialIds(),
        secret=zoo.SECRET,
        version="1.2.3",
        processes=lambda: [{"name": "viewer", "running": True, "restarts": 2, "url": None}],
        links=LinkSettings(linger_s=0.5, first_retry_s=0.01, last_retry_s=0.05),
        save_s=0.5,
    )
    yield made
    await made.close()


@pytest.fixture
def visitor(api: Api) -> Visitor:
    return Visitor(api)
