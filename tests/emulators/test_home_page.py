"""What the web client's home page costs on Firestore, counted on the wire."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta, timezone

import pytest
import pytest_asyncio
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.domain.documents import Collections
from graphql_api.api import Api

from tests.emulators.rpcs import CountedClient, Rpcs
from tests.fakes import web_client, zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.queue import FakeQueue
from tests.fakes.visitor import Visitor

pytestmark = pytest.mark.emulators

LONG_AGO = datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def client(firestore_emulator: None) -> CountedClient:
    return CountedClient(f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def store(client: CountedClient) -> Iterator[FirestoreStore]:
    """A zoo of 25 instances, which bring their worlds, and 3 worlds with a guest each."""
    store = FirestoreStore(client.project, client=client)
    zoo.furnish(store)
    zoo.put(store, Collections.CONFIGURATION, {"id": "zoo", "name": "the zoo", "computes": []})
    for number in range(3):
        zoo.add(store, zoo.instance(LONG_AGO, f"env_{number}"))
        zoo.add(store, zoo.joining(LONG_AGO, f"env_{number}", f"ins_guest_{number}"))
    rows = (zoo.instance(LONG_AGO + timedelta(seconds=number), f"ins_{number:02}") for number in range(1, 26))
    zoo.put(store, Collections.INSTANCES, *map(dict, rows))
    yield store
    store.close()


@pytest_asyncio.fixture
async def visitor(store: FirestoreStore) -> AsyncIterator[Visitor]:
    api = Api(
        store=store,
        queue=FakeQueue(),
        dialer=LoopbackDialer(),
        bucket=MemoryBucket,
        clock=FakeClock(),
        ids=SequentialIds(),
        secret=zoo.SECRET,
    )
    yield Visitor(api)
    await api.close()


@pytest.fixture
def rpcs(client: CountedClient, visitor: Visitor) -> Rpcs:
    client.rpcs.reset()
    return client.rpcs


async def test_twenty_instances_are_one_query_and_21_documents(rpcs: Rpcs, visitor: Visitor) -> None:
    """The rows, and one more that tells whether there are others; nothing is read around them."""
    data = await visitor.data(web_client.operation("Instances"), first=20)
    assert [row["id"] for row in data["instances"]["nodes"]] == [f"ins_{number:02}" for number in range(25, 5, -1)]
    assert data["instances"]["nodes"][0]["environment"] == {"id": "world_box", "name": "box"}
    assert data["instances"]["pageInfo"]["hasNextPage"]
    assert (rpcs.calls, rpcs.documents) == ({"RunQuery": 1}, 21)


async def test_whose_zoo_it_is_is_read_once_in_a_while(rpcs: Rpcs, visitor: Visitor) -> None:
    """The head of all pages is one document for all who ask within some seconds."""
    for _ in range(5):
        data = await visitor.data(web_client.operation("Home"))
        assert data["server"]["name"] == "the zoo"
    assert (rpcs.calls, rpcs.documents) == ({"BatchGetDocuments": 1}, 1)


async def test_worlds_and_their_guests_come_in_batches(rpcs: Rpcs, visitor: Visitor) -> None:
    """However many worlds: one query each for worlds and kinds, one batch for what is around worlds, one for guests."""
    data = await visitor.data(web_client.operation("Worlds"))
    worlds = data["environmentInstances"]["nodes"]
    assert {world["id"]: [guest["id"] for guest in world["connected"]] for world in worlds} == {
        f"env_{number}": [f"ins_guest_{number}"] for number in range(3)
    }
    assert rpcs.calls == {"RunQuery": 2, "BatchGetDocuments": 2}
    worlds_read, kinds, seats, guests = 3, 1, 3, 3
    assert rpcs.documents == worlds_read + kinds + (1 + seats) + guests


async def test_live_home_page_listens_twice_however_many_look(rpcs: Rpcs, visitor: Visitor) -> None:
    """The newest instances and the newest events: two streams for all, none when all have left.

    Beside them each viewer reads the worlds that instances have joined, together.
    """
    live, follows = web_client.operation("Live"), {"instanceIds": None, "signals": []}
    tabs = [visitor.watch(live, input=follows) for _ in range(5)]
    for tab in tabs:
        await tab.__aenter__()
    for tab in tabs:
        snapshot = await tab.live()
        assert len(snapshot["instances"]) == 28
    assert rpcs.calls.keys() == {"Listen", "BatchGetDocuments"}
    assert (rpcs.calls["BatchGetDocuments"], rpcs.documents) == (5, 5 * 3)
    assert rpcs.listening == 2
    for tab in tabs:
        await tab.leave()
    async with asyncio.timeout(10):
        while rpcs.listening:  # noqa: ASYNC110 - the library's threads tell nobody
            await asyncio.sleep(0.01)
