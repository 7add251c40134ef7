"""What the web client's home page asks of the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.queries import BoundQuery, Page, Result

from tests.fakes import web_client, zoo
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

from .conftest import CONFIGURATION


class CountingStore(MemoryStore):
    """Notes the names of the queries, and how many documents are read together."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[str] = []
        self.batches: list[int] = []

    def query(self, query: BoundQuery, page: Page) -> Result:
        self.queries.append(query.query.name)
        return super().query(query, page)

    def get(self, ref: Ref) -> Document | None:
        return self.get_many([ref])[0]

    def get_many(self, refs: Sequence[Ref]) -> list[Document | None]:
        self.batches.append(len(refs))
        return super().get_many(refs)


@pytest.fixture
def store() -> Iterator[CountingStore]:
    memory = CountingStore()
    zoo.furnish(memory)
    zoo.put(memory, Collections.CONFIGURATION, CONFIGURATION)
    yield memory
    memory.close()


@pytest.mark.parametrize("joined", [0, 6])
async def test_instances_are_one_query(visitor: Visitor, store: CountingStore, clock: FakeClock, joined: int) -> None:
    """Those that bring their worlds need nothing else, those that joined one the row of each world, together."""
    for number in range(20):
        zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.advance(1), f"ins_{number}")))
    for number in range(joined):
        world = f"env_{number // 2}"
        zoo.put(store, Collections.ENVIRONMENT_INSTANCES, dict(zoo.instance(clock.advance(1), world)))
        zoo.put(store, Collections.INSTANCES, dict(zoo.joining(clock.advance(1), world, f"ins_joined_{number}")))
    store.batches.clear()
    nodes = (await visitor.data(web_client.operation("Instances"), first=20))["instances"]["nodes"]
    assert [node["environment"] for node in nodes] == [{"id": "world_box", "name": "box"}] * 20
    assert (store.queries, store.batches) == (["instances"], [3] if joined else [])


async def test_a_kind_that_is_gone_keeps_its_name(visitor: Visitor, store: CountingStore, clock: FakeClock) -> None:
    """Also where more of it is asked than the row says."""
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now(), environmentId="world_gone")))
    data = await visitor.data('{instance(id:"ins_1"){environment{id name type}}}')
    assert data["instance"]["environment"] == {"id": "world_gone", "name": "box", "type": "removed"}


async def test_worlds_take_no_query_each(visitor: Visitor, store: CountingStore, clock: FakeClock) -> None:
    """Guests of all worlds: the limits that hold their ids with what else is around, then the guests."""
    for number in range(7):
        zoo.add(store, zoo.instance(clock.advance(1), f"env_{number}"))
        zoo.add(store, zoo.joining(clock.advance(1), f"env_{number}", f"ins_{number}"))
    store.batches.clear()
    data = await visitor.data(web_client.operation("Worlds"))
    guests = {
        world["id"]: [guest["id"] for guest in world["connected"]] for world in data["environmentInstances"]["nodes"]
    }
    assert guests == {f"env_{number}": [f"ins_{number}"] for number in range(7)}
    assert sorted(store.queries) == ["environment_instances", "environments"]
    assert store.batches == [1 + 7, 7]


async def test_a_world_tells_who_came_and_went(visitor: Visitor, store: CountingStore, clock: FakeClock) -> None:
    """A stream that follows a world follows its seats, too."""
    zoo.add(store, zoo.instance(clock.now(), "env_1"))
    query = "subscription($i:LiveInput!){live(input:$i){environmentInstances{id connected{id}}}}"
    async with visitor.watch(query, i={"instanceIds": [], "environmentInstanceIds": ["env_1"]}) as tab:
        assert (await tab.live())["environmentInstances"] == [{"id": "env_1", "connected": []}]
        zoo.add(store, zoo.joining(clock.now()))
        told = await tab.live_until(lambda event: event["environmentInstances"])
        assert told["environmentInstances"] == [{"id": "env_1", "connected": [{"id": "ins_1"}]}]
