"""Streams that continue each other: whatever ends one of them, their viewer is told everything, and once."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.domain.documents import Collections, Ref
from ainimal_zookeeper.domain.events import event
from ainimal_zookeeper.domain.lifecycle import timestamp
from graphql_api.api import Api
from graphql_api.console import ConsoleSettings
from graphql_api.link import LinkSettings
from graphql_api.stream import StreamSettings
from starlette.requests import Request
from starlette.types import Message, Receive

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.follower import Follower, Story, follow
from tests.fakes.queue import FakeQueue
from tests.fakes.runner import FakeRunner
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

LIVE = """subscription($i:LiveInput!){live(input:$i){kind cursor removedInstanceIds instances{id notes}
  events{id} logs{instanceId at stream text} problems{code instanceId message}}}"""
PATIENCE_S = 10.0


def process(store: MemoryStore, clock: FakeClock, *, links: LinkSettings | None = None, **streams: Any) -> Api:
    """Returns one of several API processes on the same store."""
    return Api(
        store=store,
        queue=FakeQueue(),
        dialer=LoopbackDialer(),
        bucket=MemoryBucket,
        clock=clock,
        ids=SequentialIds(),
        secret=zoo.SECRET,
        links=links or LinkSettings(linger_s=0.05, first_retry_s=0.01, last_retry_s=0.05),
        consoles=ConsoleSettings(poll_s=0.02, poll_linked_s=0.05),
        streams=StreamSettings(events_per_s=500.0, **streams),
    )


@pytest_asyncio.fixture
async def runner(store: MemoryStore, clock: FakeClock) -> AsyncIterator[FakeRunner]:
    async with FakeRunner(zoo.SECRET) as served:
        row = zoo.instance(clock.now())
        row["status"] |= {"phase": "RUNNING", "claimed": True, "liveAddress": served.address}
        zoo.put(store, Collections.INSTANCES, dict(row))
        yield served


@pytest.mark.parametrize("seed", range(12))
async def test_every_event_and_line_is_told_once_over_any_number_of_streams_and_processes(
    seed: int, store: MemoryStore, clock: FakeClock, runner: FakeRunner
) -> None:
    """Streams rotate, connections break, and each stream is of some process: nothing is lost, nothing comes twice."""
    random_ = random.Random(seed)
    apis = [process(store, clock, rotate_bytes=random_.choice([1, 2_000, 8_000])) for _ in range(2)]
    story = Story(random_, store, clock, runner)
    wanted = {"instanceIds": ["ins_1"], "logs": ["ins_1"]}
    async with Follower(random_, apis, wanted) as follower:
        await follow(story, follower, random_, clock, 150)
        told = Counter(follower.events), Counter(follower.lines)
        assert [set(of) for of in told] == [set(story.events), set(story.lines)]
        assert [[name for name, times in of.items() if times > 1] for of in told] == [[], []]
        assert follower.streams > 1
    for api in apis:
        await api.close()


async def test_an_instance_that_is_deleted_between_two_streams_is_told_as_removed(
    store: MemoryStore, clock: FakeClock
) -> None:
    """Whoever named it learns it from the stream that continues; whoever follows the newest, from the whole state."""
    api = process(store, clock)
    for row_id in ("ins_1", "ins_2"):
        zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.advance(1), row_id)))
    cursors: list[str] = []
    for wanted in ({"instanceIds": ["ins_1", "ins_2"]}, {}):
        async with Visitor(api).watch(LIVE, i=wanted) as tab:
            cursors.append((await tab.live())["cursor"])
    store.transact(lambda transaction: transaction.delete(Ref(Collections.INSTANCES, "ins_1")))
    async with Visitor(api).watch(LIVE, i={"instanceIds": ["ins_1", "ins_2"], "since": cursors[0]}) as tab:
        first = await tab.live()
    assert first["removedInstanceIds"] == ["ins_1"]
    assert [each["id"] for each in first["instances"]] == ["ins_2"]
    async with Visitor(api).watch(LIVE, i={"since": cursors[1]}) as tab:
        assert [each["id"] for each in (await tab.live())["instances"]] == ["ins_2"]
    await api.close()


async def test_an_event_that_is_told_after_a_younger_one_was_is_not_lost(store: MemoryStore, clock: FakeClock) -> None:
    """Two processes write: the one whose clock is behind, or whose transaction took longer, is heard as well."""
    api = process(store, clock)
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    started = clock.advance(10)
    zoo.put(store, Collections.EVENTS, dict(event("evt_young", "ins_1", "PAUSED", "said", started)))
    async with Visitor(api).watch(LIVE, i={"instanceIds": ["ins_1"]}) as tab:
        cursor = (await tab.live())["cursor"]
    older = event("evt_old", "ins_1", "RESUMED", "said", started - timedelta(seconds=9))
    zoo.put(store, Collections.EVENTS, dict(older))
    async with Visitor(api).watch(LIVE, i={"instanceIds": ["ins_1"], "since": cursor}) as tab:
        first = await tab.live()
        assert [each["id"] for each in first["events"]] == ["evt_old"]
    async with Visitor(api).watch(LIVE, i={"instanceIds": ["ins_1"], "since": first["cursor"]}) as tab:
        assert (await tab.live())["events"] == []
    await api.close()


async def test_the_first_event_of_a_zoo_is_told_by_the_stream_that_continues(
    store: MemoryStore, clock: FakeClock
) -> None:
    """A cursor from before there was any event is not the same as none."""
    api = process(store, clock)
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    async with Visitor(api).watch(LIVE, i={"instanceIds": ["ins_1"]}) as tab:
        cursor = (await tab.live())["cursor"]
    zoo.put(store, Collections.EVENTS, dict(event("evt_1", "ins_1", "PAUSED", "said", clock.advance(1))))
    async with Visitor(api).watch(LIVE, i={"instanceIds": ["ins_1"], "since": cursor}) as tab:
        assert [each["id"] for each in (await tab.live())["events"]] == ["evt_1"]
    await api.close()


async def test_many_long_lines_are_told_in_several_events_and_streams(store: MemoryStore, clock: FakeClock) -> None:
    """No stream passes its bound, whatever a console holds, and the next ones carry on."""
    api = process(store, clock, rotate_bytes=600_000, last_bytes=1_300_000)
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    wanted = {"instanceIds": [], "logs": ["ins_1"]}
    async with Visitor(api).watch(LIVE, i=wanted) as tab:
        cursor = (await tab.live())["cursor"]
    written = [f"{number:04}" + "x" * 3_996 for number in range(600)]
    for number in range(0, 600, 50):
        lines = [
            {"at": timestamp(clock.advance(0.1)), "stream": "stdout", "text": text} for text in written[number:][:50]
        ]
        chunk = {"id": f"log_{number}", "instanceId": "ins_1", "order": 1 + number, "firstLine": number, "lines": lines}
        zoo.put(store, Collections.LOGS, chunk)
    told: list[str] = []
    streams = 0
    while len(told) < len(written):
        streams += 1
        async with Visitor(api).watch(LIVE, i={**wanted, "since": cursor}) as tab:
            while True:
                live = await tab.live()
                cursor = live["cursor"]
                told += [each["text"] for each in live["logs"]]
                if live["kind"] == "ROTATE" or len(told) == len(written):
                    break
            assert tab.received_bytes <= 1_300_000
    assert told == written
    assert streams > 2
    await api.close()


async def test_rows_that_have_no_room_in_one_event_are_told_in_several(store: MemoryStore, clock: FakeClock) -> None:
    """The first part is the SNAPSHOT; a row that is too large alone is a problem that names it."""
    api = process(store, clock, event_bytes=10_000)
    for number in range(9):
        notes = "n" * (20_000 if number == 4 else 2_000)
        zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.advance(1), f"ins_{number}", notes=notes)))
    async with Visitor(api).watch(LIVE, i={}) as tab:
        parts = [await tab.live()]
        rows, problems = list(parts[0]["instances"]), list(parts[0]["problems"])
        while len(rows) + len(problems) < 9:
            parts.append(await tab.live())
            rows += parts[-1]["instances"]
            problems += parts[-1]["problems"]
        assert tab.received_bytes < 9 * 10_000
    assert [part["kind"] for part in parts] == ["SNAPSHOT"] + ["UPDATE"] * (len(parts) - 1)
    assert [each["id"] for each in rows] == [f"ins_{number}" for number in (8, 7, 6, 5, 3, 2, 1, 0)]
    ((code, row_id),) = [(each["code"], each["instanceId"]) for each in problems]
    assert (code, row_id) == ("INVALID_INPUT", "ins_4")
    await api.close()


async def test_a_state_that_no_stream_has_room_for_is_a_problem(store: MemoryStore, clock: FakeClock) -> None:
    """It is told as far as there is room; the stream does not rotate at once, since the next had no room either."""
    api = process(store, clock, event_bytes=10_000, last_bytes=20_000, rotate_bytes=16_000)
    for number in range(15):
        zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.advance(1), f"ins_{number}", notes="n" * 2_000)))
    async with Visitor(api).watch(LIVE, i={}) as tab:
        told = [await tab.live()]
        while not told[-1]["problems"]:
            told.append(await tab.live())
        zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.advance(1), "ins_15")))
        await api.close()
        assert await tab.event() is None
        assert tab.received_bytes <= 20_000
    assert [each["code"] for each in told[-1]["problems"]] == ["INVALID_INPUT"]
    assert "20000 bytes" in told[-1]["problems"][0]["message"]
    assert 5 <= sum(len(each["instances"]) for each in told) < 15


async def test_a_client_that_takes_nothing_loses_its_stream(store: MemoryStore, clock: FakeClock) -> None:
    """What its connection says does not matter: a half-open one says nothing for ever."""
    api = process(store, clock, stall_s=0.05)
    connection = Deaf()
    body = json.dumps({"query": LIVE, "variables": {"i": {}}}).encode()
    response = await api.handle(Request(connection.scope, connection.asks(body)))
    async with asyncio.timeout(PATIENCE_S):
        await response(connection.scope, connection.receive, connection.send)
    assert connection.transport.aborted
    assert api.open_streams == 0
    await api.close()


async def test_a_question_that_a_runner_does_not_answer_does_not_keep_a_process(
    store: MemoryStore, clock: FakeClock
) -> None:
    """Who asked learns that the process leaves and may ask another; viewers are sent there at once."""
    api = process(store, clock, links=LinkSettings(linger_s=0.05, leave_s=0.05), farewell_s=0.05)
    row = zoo.instance(clock.now(), environmentId=None, environmentName=None)
    row["status"] |= {"phase": "RUNNING", "claimed": True, "liveAddress": "127.0.0.1:1"}
    zoo.put(store, Collections.INSTANCES, dict(row))
    ask = 'mutation{instanceInfer(input:{instanceId:"ins_1",inputs:{}}){userErrors{code message}}}'
    async with Visitor(api).watch(LIVE, i={"instanceIds": []}) as tab:
        await tab.live()
        asking = asyncio.create_task(Visitor(api).data(ask))
        while api.open_links < 1:  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0)
        api.depart()
        assert (await tab.live())["kind"] == "ROTATE"
        assert await tab.event() is None
        async with asyncio.timeout(PATIENCE_S):
            (refused,) = (await asking)["instanceInfer"]["userErrors"]
    assert refused["code"] == "UNAVAILABLE"
    assert "leaves" in refused["message"]
    async with Visitor(api).watch(LIVE, i={}) as late:
        assert await late.event() is None
    await api.close()


class Deaf:
    """A connection whose client never reads, as uvicorn hands it over."""

    scope: ClassVar[dict[str, Any]] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"accept", b"text/event-stream")],
    }

    def __init__(self) -> None:
        self.transport = self
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    def asks(self, body: bytes) -> Receive:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        return receive

    async def receive(self) -> Message:
        return await asyncio.get_running_loop().create_future()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.get_running_loop().create_future()
