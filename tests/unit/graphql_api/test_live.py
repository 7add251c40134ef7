"""The live subscription: state first, then changes; values, events and consoles; and a tidy end."""

from __future__ import annotations

import asyncio
import base64
import re
import struct
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, Ref
from ainimal_zookeeper.domain.events import event
from graphql_api.api import Api
from graphql_api.link import LinkSettings
from graphql_api.stream import StreamSettings

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.queue import FakeQueue
from tests.fakes.runner import FakeRunner
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

LIVE = """subscription($i:LiveInput!){live(input:$i){kind cursor removedInstanceIds
  instances{id phase desiredPhase name stats{step} model{name} acknowledgedAtStep}
  environmentInstances{id phase}
  values{key instanceId path timeline step time scalar text dropped overridden tensor{dtype shape encoding data}}
  events{kind resourceId} logs{instanceId text} problems{key instanceId path code message}}}"""
STATS = {"episode": 1, "stepsPerSecond": 10.0, "episodeReturn": None, "loss": "NaN", "updatedAt": None}


def put_running(store: MemoryStore, clock: FakeClock, id: str = "ins_1", address: str | None = None) -> None:
    row = zoo.instance(clock.advance(1), id)
    row["status"] |= {"phase": "RUNNING", "claimed": True, "liveAddress": address}
    zoo.put(store, Collections.ENVIRONMENT_INSTANCES if id.startswith("env_") else Collections.INSTANCES, dict(row))


@pytest_asyncio.fixture
async def runner(store: MemoryStore, clock: FakeClock) -> AsyncIterator[FakeRunner]:
    """A runner of ins_1, which runs."""
    async with FakeRunner(zoo.SECRET) as served:
        put_running(store, clock, address=served.address)
        yield served


async def gone(api: Api) -> None:
    """Waits until nothing is open any more, links having lingered."""
    async with asyncio.timeout(10):
        while api.open_streams or api.open_links or api.open_watches:  # noqa: ASYNC110  nothing tells of an end
            await asyncio.sleep(0.01)


async def test_the_first_event_is_the_whole_state_and_changes_follow(
    visitor: Visitor, store: MemoryStore, clock: FakeClock
) -> None:
    """Without ids the newest instances are followed, also new ones, and deleted ones are told."""
    put_running(store, clock, "ins_a")
    put_running(store, clock, "ins_b")
    async with visitor.watch(LIVE, i={}) as tab:
        first = await tab.live()
        assert first["kind"] == "SNAPSHOT"
        assert [each["id"] for each in first["instances"]] == ["ins_b", "ins_a"]
        assert first["instances"][0]["model"] == {"name": "learner"}
        assert (first["events"], first["values"], first["problems"]) == ([], [], [])
        put_running(store, clock, "ins_c")
        change = await tab.live()
        assert (change["kind"], [each["id"] for each in change["instances"]]) == ("UPDATE", ["ins_c"])
        await visitor.data('mutation{instancePause(input:{instanceId:"ins_a"}){userErrors{code}}}')
        change = await tab.live_until(lambda told: told["instances"])
        assert [(each["id"], each["desiredPhase"]) for each in change["instances"]] == [("ins_a", "PAUSED")]
        store.transact(lambda transaction: transaction.delete(Ref(Collections.INSTANCES, "ins_b")))
        change = await tab.live_until(lambda told: told["removedInstanceIds"])
        assert change["removedInstanceIds"] == ["ins_b"]


async def test_only_what_is_named_is_followed(visitor: Visitor, store: MemoryStore, clock: FakeClock) -> None:
    """An empty list follows none, ids follow those, and worlds are followed on their own."""
    for name in ("ins_a", "ins_b", "env_1"):
        put_running(store, clock, name)
    async with visitor.watch(LIVE, i={"instanceIds": []}) as tab:
        assert (await tab.live())["instances"] == []
    async with visitor.watch(LIVE, i={"instanceIds": ["ins_a"], "environmentInstanceIds": ["env_1"]}) as tab:
        first = await tab.live()
        assert [each["id"] for each in first["instances"]] == ["ins_a"]
        assert first["environmentInstances"] == [{"id": "env_1", "phase": "RUNNING"}]
        await visitor.data('mutation{environmentTerminate(input:{environmentInstanceId:"env_1"}){userErrors{code}}}')
        change = await tab.live_until(lambda told: told["environmentInstances"])
        assert change["environmentInstances"] == [{"id": "env_1", "phase": "STOPPING"}]


async def test_worlds_are_followed_beside_the_newest_instances(
    visitor: Visitor, store: MemoryStore, clock: FakeClock
) -> None:
    """An instance that comes to be does not end the following of a world."""
    put_running(store, clock, "ins_a")
    put_running(store, clock, "env_1")
    async with visitor.watch(LIVE, i={"environmentInstanceIds": ["env_1"]}) as tab:
        first = await tab.live()
        assert [each["id"] for each in first["instances"]] == ["ins_a"]
        assert first["environmentInstances"] == [{"id": "env_1", "phase": "RUNNING"}]
        put_running(store, clock, "ins_b")
        await tab.live_until(lambda told: told["instances"])
        await visitor.data('mutation{environmentTerminate(input:{environmentInstanceId:"env_1"}){userErrors{code}}}')
        change = await tab.live_until(lambda told: told["environmentInstances"])
        assert change["environmentInstances"] == [{"id": "env_1", "phase": "STOPPING"}]


async def test_values_reach_the_viewer_in_every_form(visitor: Visitor, runner: FakeRunner) -> None:
    """Numbers, also those that JSON lacks, text and arrays; the key of the request comes back."""
    signals = [
        {"key": "r", "instanceId": "ins_1", "path": "env.reward", "maxRate": 30.0},
        {"instanceId": "ins_1", "path": "inputs.x", "maxSize": 8, "crop": [0, 2], "index": [1], "reduce": "FULL"},
    ]
    async with visitor.watch(LIVE, i={"instanceIds": [], "signals": signals}) as tab:
        await tab.live()
        await runner.until(lambda: len(runner.asked("watch")) == 2)
        asked = runner.asked("watch")[1]
        assert {name: asked[name] for name in ("path", "maxRate", "reduce", "maxSize", "crop", "index")} == {
            "path": "inputs.x", "maxRate": None, "reduce": "FULL", "maxSize": 8, "crop": [0, 2], "index": [1],
        }  # fmt: skip
        await runner.say_value("env.reward", step=3, scalar="NaN", overridden=True)
        (value,) = (await tab.live())["values"]
        assert value == {
            "key": "r", "instanceId": "ins_1", "path": "env.reward", "timeline": 1, "step": 3,
            "time": "1970-01-01T00:00:01.500000Z", "scalar": "NaN", "text": None, "dropped": 0, "overridden": True,
            "tensor": None,
        }  # fmt: skip
        raw = struct.pack("<2f", 1.5, -2.0)
        await runner.say_value("inputs.x", raw, dtype="float32", shape=[2], encoding="RAW")
        (value,) = (await tab.live())["values"]
        tensor = value["tensor"]
        assert (tensor["dtype"], tensor["shape"], tensor["encoding"]) == ("float32", [2], "RAW")
        assert base64.b64decode(tensor["data"]) == raw


async def test_streams_share_one_link_and_one_watch(visitor: Visitor, api: Api, runner: FakeRunner) -> None:
    """Two viewers of the same signal cost the runner one; a late one gets the newest value at once; then all ends."""
    wanted = {"instanceIds": [], "signals": [{"instanceId": "ins_1", "path": "env.reward"}]}
    async with visitor.watch(LIVE, i=wanted) as early:
        await early.live()
        await runner.until(lambda: bool(runner.asked("watch")))
        await runner.say_value("env.reward", scalar=1.0)
        assert (await early.live())["values"][0]["scalar"] == 1.0
        async with visitor.watch(LIVE, i=wanted) as late:
            told = await late.live_until(lambda told: told["values"])
            assert told["values"][0]["scalar"] == 1.0
            assert (runner.connected_times, len(runner.asked("watch"))) == (1, 1)
            await runner.say_value("env.reward", scalar=2.0)
            assert (await late.live_until(lambda told: told["values"]))["values"][0]["scalar"] == 2.0
        assert runner.asked("unwatch") == []
    await runner.until(lambda: bool(runner.asked("unwatch")))
    await gone(api)
    await runner.until(lambda: not runner.connections)


async def test_a_viewer_that_is_behind_gets_the_newest_value_and_how_many_it_missed(
    visitor: Visitor, runner: FakeRunner
) -> None:
    """Values that come faster than a stream speaks replace each other."""
    async with visitor.watch(LIVE, i={"instanceIds": [], "signals": [{"instanceId": "ins_1", "path": "a"}]}) as tab:
        await tab.live()
        await runner.until(lambda: bool(runner.asked("watch")))
        for step in range(200):
            await runner.say_value("a", step=step, scalar=0.0, dropped=1)
        got: list[dict[str, Any]] = []
        while not got or got[-1]["step"] < 199:
            got += (await tab.live())["values"]
        assert len(got) < 100
        assert sum(value["dropped"] + 1 for value in got) == 200 + 200


async def test_a_lost_connection_is_made_again_with_all_that_was_asked(visitor: Visitor, runner: FakeRunner) -> None:
    """The stream goes on; nothing is asked of the viewer."""
    async with visitor.watch(LIVE, i={"instanceIds": [], "signals": [{"instanceId": "ins_1", "path": "a"}]}) as tab:
        await tab.live()
        await runner.until(lambda: len(runner.asked("watch")) == 1)
        await runner.hang_up()
        await runner.until(lambda: len(runner.asked("watch")) == 2)
        runner.heard = runner.asked("watch")[1:]
        await runner.say_value("a", scalar=4.0)
        assert (await tab.live_until(lambda told: told["values"]))["values"][0]["scalar"] == 4.0


@pytest.mark.parametrize("said", ["[" * 100_000, "7", '{"type":"status","report":7}', '{"type":"log","lines":[{}]}'])
async def test_a_runner_that_talks_nonsense_is_heard_again(
    visitor: Visitor, runner: FakeRunner, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing that a runner says ends its link or fills the log: what follows still comes."""
    async with visitor.watch(LIVE, i={"instanceIds": [], "signals": [{"instanceId": "ins_1", "path": "a"}]}) as tab:
        await tab.live()
        await runner.until(lambda: len(runner.asked("watch")) == 1)
        for _ in range(5):
            await runner.connections[0].send(said)
        await runner.say_value("a", scalar=4.0)
        assert (await tab.live_until(lambda told: told["values"]))["values"][0]["scalar"] == 4.0
    assert caplog.text.count("message was not understood") == 1


@pytest.mark.parametrize("welcome", ["7", "[" * 100_000, "no JSON"])
async def test_a_link_is_dialled_again_whatever_the_welcome_was(
    visitor: Visitor, runner: FakeRunner, welcome: str
) -> None:
    """A first answer that cannot be read is a failure like any other."""
    runner.welcomes = [welcome]
    async with visitor.watch(LIVE, i={"instanceIds": [], "signals": [{"instanceId": "ins_1", "path": "a"}]}) as tab:
        await tab.live()
        await runner.until(lambda: len(runner.asked("watch")) == 1)
    assert runner.welcomes == []


async def test_a_change_reaches_the_runner_at_once(visitor: Visitor, runner: FakeRunner) -> None:
    """The answer does not wait for the runner; the newest generation is what it hears last."""
    await visitor.data('mutation{instancePause(input:{instanceId:"ins_1"}){userErrors{code}}}')
    await visitor.data('mutation{instanceStep(input:{instanceId:"ins_1",count:2}){userErrors{code}}}')
    await runner.until(lambda: bool(runner.asked("desired")) and runner.asked("desired")[-1]["generation"] == 3)
    assert runner.asked("desired")[-1]["desired"]["steps"] == 2


async def test_what_a_runner_says_of_itself_is_shown_before_it_is_stored(visitor: Visitor, runner: FakeRunner) -> None:
    """Status over the link overlays the row: step, phase and acknowledgement."""
    async with visitor.watch(LIVE, i={"instanceIds": ["ins_1"]}) as tab:
        assert (await tab.live())["instances"][0]["stats"] == {"step": 0}
        await runner.until(lambda: bool(runner.connections))
        await runner.say(
            type="status", report={"phase": "PAUSED", "acknowledgedAtStep": 41, "stats": {**STATS, "step": 42}}
        )
        (shown,) = (await tab.live_until(lambda told: told["instances"]))["instances"]
        assert (shown["stats"]["step"], shown["phase"], shown["acknowledgedAtStep"]) == (42, "PAUSED", 41)
        assert shown["model"] == {"name": "learner"}
        await runner.say(type="status", report={"stats": {"step": "many"}})
        await runner.say(type="status", report={"timeline": 2, "phase": "RUNNING", "stats": {**STATS, "step": 7}})
        (shown,) = (await tab.live_until(lambda told: told["instances"]))["instances"]
        assert (shown["stats"]["step"], shown["phase"]) == (0, "RUNNING")  # the row has not begun that timeline yet
        await runner.say(type="status", report={"timeline": 1, "stats": {**STATS, "step": 43}})
        (shown,) = (await tab.live_until(lambda told: told["instances"]))["instances"]
        assert shown["stats"]["step"] == 43


async def test_problems_say_why_a_signal_does_not_come(
    visitor: Visitor, runner: FakeRunner, store: MemoryStore, clock: FakeClock
) -> None:
    """What is not there, what has ended, and what the runner refuses, each with the request's key."""
    ended = zoo.instance(clock.advance(1), "ins_old")
    ended["status"]["phase"] = "FAILED"
    zoo.put(store, Collections.INSTANCES, dict(ended))
    signals = [
        {"key": "1", "instanceId": "ins_gone", "path": "a"},
        {"key": "2", "instanceId": "ins_old", "path": "a"},
        {"key": "3", "instanceId": "ins_1", "path": "inputs.camra"},
    ]
    told: dict[str, str] = {}
    async with visitor.watch(LIVE, i={"instanceIds": [], "signals": signals}) as tab:
        await runner.until(lambda: bool(runner.asked("watch")))
        watch = runner.asked("watch")[0]
        await runner.say(type="problem", id=watch["id"], code="NOT_FOUND", message="did you mean inputs.camera?")
        while len(told) < 3:
            told |= {each["key"] or each["instanceId"]: each["code"] for each in (await tab.live())["problems"]}
    assert told == {"ins_gone": "NOT_FOUND", "2": "INVALID_TRANSITION", "3": "NOT_FOUND"}


async def test_a_console_shows_its_tail_and_then_each_line_once(
    visitor: Visitor, runner: FakeRunner, store: MemoryStore
) -> None:
    """Lines that come over the link and later from the store are shown once."""

    def lines(*texts: str) -> list[dict[str, str]]:
        return [{"at": f"2030-01-01T00:00:00.00000{text}Z", "stream": "stdout", "text": text} for text in texts]

    chunk = {"id": "log_1", "instanceId": "ins_1", "order": 1, "firstLine": 0, "lines": lines("1", "2")}
    zoo.put(store, Collections.LOGS, chunk)
    async with visitor.watch(LIVE, i={"instanceIds": [], "logs": ["ins_1"]}) as tab:
        first = await tab.live()
        assert first["logs"] == [{"instanceId": "ins_1", "text": "1"}, {"instanceId": "ins_1", "text": "2"}]
        await runner.until(lambda: bool(runner.asked("logs")))
        await runner.say(type="log", lines=lines("2", "3"))
        change = await tab.live()
        assert [each["text"] for each in change["logs"]] == ["3"]
    zoo.put(store, Collections.LOGS, {**chunk, "id": "log_2", "order": 2, "lines": lines("2", "3")})
    async with visitor.watch(LIVE, i={"instanceIds": [], "logs": ["ins_1"], "since": first["cursor"]}) as tab:
        assert [each["text"] for each in (await tab.live())["logs"]] == ["3"]


async def test_events_are_told_as_they_happen_and_since_a_cursor(
    visitor: Visitor, store: MemoryStore, clock: FakeClock
) -> None:
    """A new stream tells none of the past; one that continues tells what came meanwhile."""
    put_running(store, clock)

    def happen(number: int, kind: Any) -> None:
        happened = event(f"evt_{number}", "ins_1", kind, "said", clock.advance(1))
        zoo.put(store, Collections.EVENTS, dict(happened))

    happen(1, "LAUNCHED")
    async with visitor.watch(LIVE, i={"instanceIds": ["ins_1"]}) as tab:
        first = await tab.live()
        assert first["events"] == []
        happen(2, "RUNNING")
        change = await tab.live_until(lambda told: told["events"])
        assert change["events"] == [{"kind": "RUNNING", "resourceId": "ins_1"}]
    happen(3, "PAUSED")
    async with visitor.watch(LIVE, i={"instanceIds": ["ins_1"], "since": change["cursor"]}) as tab:
        assert [each["kind"] for each in (await tab.live())["events"]] == ["PAUSED"]
    async with visitor.watch(LIVE, i={"instanceIds": [], "since": first["cursor"]}) as tab:
        assert (await tab.live())["events"] == []


async def test_a_stream_makes_room_for_the_next_before_it_grows_too_long(
    store: MemoryStore, clock: FakeClock, runner: FakeRunner
) -> None:
    """ROTATE comes once, values go on until the limit, then the stream ends without `complete`."""
    api = make(store, clock, StreamSettings(rotate_bytes=4_000, last_bytes=12_000))
    signals = [{"instanceId": "ins_1", "path": "a"}]
    kinds: list[str] = []
    async with Visitor(api).watch(LIVE, i={"instanceIds": [], "signals": signals}) as tab:
        await runner.until(lambda: bool(runner.asked("watch")))
        while (told := await asyncio.gather(tab.event(), runner.say_value("a", bytes(800), **ARRAY)))[0] is not None:
            kinds.append(told[0]["data"]["live"]["kind"])
    assert kinds[0] == "SNAPSHOT"
    assert kinds.count("ROTATE") == 1
    assert kinds[-1] == "UPDATE"
    await api.close()


async def test_a_stream_never_carries_more_than_its_bound(
    store: MemoryStore, clock: FakeClock, runner: FakeRunner
) -> None:
    """Large values do not pass it either: ROTATE comes in time, and at least one more value after it."""
    api = make(store, clock, StreamSettings(rotate_bytes=60_000, last_bytes=80_000, value_bytes=20_000))
    signals = [{"instanceId": "ins_1", "path": "a"}]
    told: list[dict[str, Any]] = []
    async with Visitor(api).watch(LIVE, i={"instanceIds": [], "signals": signals}) as tab:
        await runner.until(lambda: bool(runner.asked("watch")))
        array = {**ARRAY, "shape": [14_000]}
        while (next_ := await asyncio.gather(tab.event(), runner.say_value("a", bytes(14_000), **array)))[0]:
            told.append(next_[0]["data"]["live"])
        assert 60_000 < tab.received_bytes <= 80_000
    kinds = [each["kind"] for each in told]
    assert (kinds.count("ROTATE"), kinds[-1]) == (1, "UPDATE")
    assert told[-1]["values"] != []
    await api.close()


async def test_a_value_that_no_event_has_room_for_is_a_problem_that_says_how_to_ask(
    visitor: Visitor, runner: FakeRunner
) -> None:
    """Its viewer learns the path, the size and the way out, once; smaller values of the signal still come."""
    signals = [{"key": "k", "instanceId": "ins_1", "path": "outputs.map"}]
    async with visitor.watch(LIVE, i={"instanceIds": [], "signals": signals}) as tab:
        await tab.live()
        await runner.until(lambda: bool(runner.asked("watch")))
        for _ in range(2):
            await runner.say_value("outputs.map", bytes(1_500_001), **{**ARRAY, "shape": [1_500_001]})
        await runner.say_value("outputs.map", bytes(800), **ARRAY)
        problems: list[dict[str, Any]] = []
        values: list[dict[str, Any]] = []
        while not values:
            event = await tab.live()
            problems, values = problems + event["problems"], values + event["values"]
    (problem,) = problems
    assert (problem["key"], problem["path"], problem["code"]) == ("k", "outputs.map", "INVALID_INPUT")
    assert re.search(
        r"outputs\.map takes 2000\d{3} bytes .* 2000000; ask with maxSize, crop, index or a reduction",
        problem["message"],
    )
    assert [(value["tensor"]["shape"], value["dropped"]) for value in values] == [([800], 2)]


async def test_values_that_have_no_room_in_one_event_come_in_the_next(
    store: MemoryStore, clock: FakeClock, runner: FakeRunner
) -> None:
    """Whoever waits longest comes first, so that no signal waits for ever."""
    api = make(store, clock, StreamSettings(value_bytes=2_500))
    paths = ["a", "b", "c", "d", "e"]
    signals = [{"instanceId": "ins_1", "path": path} for path in paths]
    async with Visitor(api).watch(LIVE, i={"instanceIds": [], "signals": signals}) as tab:
        await tab.live()
        await runner.until(lambda: len(runner.asked("watch")) == len(paths))
        for path in paths:
            await runner.say_value(path, bytes(800), **ARRAY)
        sent: list[list[str]] = []
        for _ in range(10):
            await runner.say_value("a", bytes(800), **ARRAY)
            sent.append([value["path"] for value in (await tab.live())["values"]])
    assert max(len(some) for some in sent) <= 2
    assert {path for some in sent for path in some} == set(paths)
    await api.close()


async def test_a_rotation_carries_nothing_so_that_nothing_is_lost_with_it(
    store: MemoryStore, clock: FakeClock, runner: FakeRunner
) -> None:
    """What waits comes after ROTATE, on this stream and on the one that continues from its cursor."""
    api = make(store, clock, StreamSettings(rotate_bytes=1))
    wanted = {"instanceIds": ["ins_1"]}
    zoo.put(store, Collections.EVENTS, dict(event("evt_1", "ins_1", "LAUNCHED", "said", clock.advance(1))))
    async with Visitor(api).watch(LIVE, i=wanted) as tab:
        await tab.live()
        zoo.put(store, Collections.EVENTS, dict(event("evt_2", "ins_1", "PAUSED", "said", clock.advance(1))))
        rotation = await tab.live()
        assert (rotation["kind"], rotation["events"], rotation["instances"]) == ("ROTATE", [], [])
        async with Visitor(api).watch(LIVE, i={**wanted, "since": rotation["cursor"]}) as following:
            assert [each["kind"] for each in (await following.live())["events"]] == ["PAUSED"]
        assert [each["kind"] for each in (await tab.live_until(lambda told: told["events"]))["events"]] == ["PAUSED"]
    await api.close()


ARRAY = {"dtype": "uint8", "shape": [800], "encoding": "RAW"}


def make(store: MemoryStore, clock: FakeClock, streams: StreamSettings) -> Api:
    return Api(
        store=store,
        queue=FakeQueue(),
        dialer=LoopbackDialer(),
        bucket=MemoryBucket,
        clock=clock,
        ids=SequentialIds(),
        secret=zoo.SECRET,
        links=LinkSettings(linger_s=0.05),
        streams=streams,
    )


async def test_a_closing_zoo_ends_its_streams_within_a_second(
    store: MemoryStore, clock: FakeClock, runner: FakeRunner
) -> None:
    """Streams end as if the connection was lost, so that clients come back; links and watches go with them."""
    api = make(store, clock, StreamSettings())
    async with Visitor(api).watch(LIVE, i={"signals": [{"instanceId": "ins_1", "path": "a"}]}) as tab:
        await tab.live()
        await runner.until(lambda: bool(runner.connections))
        start = time.monotonic()
        await api.close()
        while await tab.event() is not None:
            pass
        assert time.monotonic() - start < 1
    await gone(api)


async def test_a_stream_of_somebody_who_may_see_nothing_is_empty(
    api: Api, store: MemoryStore, clock: FakeClock
) -> None:
    """What may not be seen is told as what is not there."""
    put_running(store, clock)
    wanted = {"instanceIds": ["ins_1"], "signals": [{"instanceId": "ins_1", "path": "a"}], "logs": ["ins_1"]}
    async with Visitor(api, Principal.nobody()).watch(LIVE, i=wanted) as tab:
        first = await tab.live()
        assert (first["instances"], first["logs"], first["events"]) == ([], [], [])
        assert {each["code"] for each in first["problems"]} == {"NOT_FOUND"}
    async with Visitor(api, Principal.nobody()).watch(LIVE, i={}) as tab:
        assert (await tab.live())["instances"] == []


async def test_too_much_for_one_stream_is_refused(visitor: Visitor) -> None:
    """The stream is one result with the error, and complete."""
    async with visitor.watch(LIVE, i={"instanceIds": [f"ins_{number}" for number in range(101)]}) as tab:
        refused = await tab.event()
        assert refused is not None
        assert refused["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
        assert await tab.event() is None
    async with visitor.watch(LIVE, i={"since": "nonsense"}) as tab:
        refused = await tab.event()
        assert refused is not None
        assert "since" in refused["errors"][0]["message"]


@pytest.mark.parametrize("inputs", [{"text": "hello"}, {"x": [[1, 2], [3, 4]]}])
async def test_an_instance_without_an_environment_answers(
    visitor: Visitor, runner: FakeRunner, store: MemoryStore, clock: FakeClock, inputs: dict[str, Any]
) -> None:
    """Inputs go to the runner and its outputs come back; its refusals are those of the mutation."""
    row = zoo.instance(clock.now(), environmentId=None, environmentName=None)
    row["status"] |= {"phase": "RUNNING", "claimed": True, "liveAddress": runner.address}
    zoo.put(store, Collections.INSTANCES, dict(row))
    query = (
        "mutation($i:InstanceInferInput!){instanceInfer(input:$i)"
        "{outputs step userErrors{code message retryAfterSeconds}}}"
    )
    data = await visitor.data(query, i={"instanceId": "ins_1", "inputs": inputs, "conversation": "c"})
    assert data["instanceInfer"] == {"outputs": inputs, "step": 1, "userErrors": []}
    assert runner.asked("infer")[0]["conversation"] == "c"
    runner.answer = lambda _: {"code": "INVALID_INPUT", "message": "x must have 4 elements"}
    data = await visitor.data(query, i={"instanceId": "ins_1", "inputs": inputs})
    refusal = {"code": "INVALID_INPUT", "message": "x must have 4 elements", "retryAfterSeconds": None}
    assert data["instanceInfer"] == {"outputs": None, "step": None, "userErrors": [refusal]}


async def test_an_instance_with_an_environment_takes_no_inputs_from_callers(
    visitor: Visitor, runner: FakeRunner
) -> None:
    """Its inputs are its environment's."""
    data = await visitor.data('mutation{instanceInfer(input:{instanceId:"ins_1",inputs:{}}){userErrors{code}}}')
    assert data["instanceInfer"]["userErrors"] == [{"code": "INVALID_TRANSITION"}]
