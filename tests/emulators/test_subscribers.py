"""Many live viewers of one instance, over HTTP, on Firestore: what goes over the wire to the store."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timezone

import pytest
import pytest_asyncio
import uvicorn
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections
from graphql_api.api import Api
from graphql_api.link import LinkSettings
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from benchmarks.subscribers import change, crowd
from tests.emulators.processes import free_address
from tests.emulators.rpcs import CountedClient
from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.queue import FakeQueue

pytestmark = pytest.mark.emulators


@pytest.fixture
def client(firestore_emulator: None) -> CountedClient:
    return CountedClient(f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def store(client: CountedClient) -> Iterator[FirestoreStore]:
    store = FirestoreStore(client.project, client=client)
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(datetime.now(timezone.utc))))
    yield store
    store.close()


@pytest_asyncio.fixture
async def address(store: FirestoreStore) -> AsyncIterator[str]:
    """Serves the API, in this process."""
    api = Api(
        store=store,
        queue=FakeQueue(),
        dialer=LoopbackDialer(),
        bucket=MemoryBucket,
        clock=FakeClock(),
        ids=SequentialIds(),
        secret=zoo.SECRET,
        links=LinkSettings(linger_s=0.1),
    )

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        response = await api.handle(Request(scope, receive), Principal.operator())
        await response(scope, receive, send)

    address = free_address()
    host, _, port = address.partition(":")
    server = uvicorn.Server(uvicorn.Config(serve, host=host, port=int(port), lifespan="off", log_level="warning"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    yield address
    await api.close()
    server.should_exit = True
    await running


async def listening(client: CountedClient, count: int) -> None:
    """Waits until so many streams listen: the library opens one anew when the service ends it."""
    async with asyncio.timeout(10):
        while client.rpcs.listening != count:  # noqa: ASYNC110 - the library's threads tell nobody
            await asyncio.sleep(0.01)


async def test_two_hundred_viewers_are_one_listener(address: str, client: CountedClient, store: FirestoreStore) -> None:
    """All of them see each change; Firestore is listened to once, and no longer once the last has left."""
    client.rpcs.reset()
    viewers = await crowd(address, 200)
    for number in range(3):
        await asyncio.to_thread(change, store, f"change-{number}-")
        await asyncio.gather(*(viewer.until(f"change-{number}-".encode()) for viewer in viewers))
    await listening(client, 1)
    for viewer in viewers[1:]:
        await viewer.close()
    await asyncio.to_thread(change, store, "late-")
    await viewers[0].until(b"late-")
    await listening(client, 1)
    await viewers[0].close()
    await listening(client, 0)
