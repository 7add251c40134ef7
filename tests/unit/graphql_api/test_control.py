"""Taking the wheel of an instance, sending values, and letting go."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio
from ainimal_zookeeper.domain import control
from ainimal_zookeeper.domain.documents import Collections, InstanceDoc, Ref
from ainimal_zookeeper.modality import Modality
from graphql_api.api import Api

from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.runner import FakeRunner
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

SIGNAL = {"observable": True, "overridable": True}
FIELDS = "control{id holder{id name role} paths onSilence expiresAt} userErrors{code message path}"


@pytest_asyncio.fixture
async def runner(store: MemoryStore, clock: FakeClock) -> AsyncIterator[FakeRunner]:
    async with FakeRunner(zoo.SECRET, "ins_a") as made:
        row = zoo.instance(clock.now(), "ins_a")
        row["status"] |= {"phase": "RUNNING", "claimed": True, "liveAddress": made.address}
        zoo.put(store, Collections.INSTANCES, dict(row))
        signals = [
            {"path": f"action.{name}", "modality": Modality.scalar(name).to_document(), **SIGNAL}
            for name in ("steer", "throttle")
        ]
        text = json.dumps({"signals": signals})
        zoo.put(store, Collections.MANIFESTS, {"id": "ins_a", "attempt": 1, "manifestJson": text})
        yield made


async def acquire(visitor: Visitor, **more: Any) -> dict[str, Any]:
    given = {"instanceId": "ins_a", "onSilence": "NEUTRAL", **more}
    query = f"mutation($i:ControlAcquireInput!){{p:controlAcquire(input:$i){{{FIELDS} instance{{generation}}}}}}"
    payload: dict[str, Any] = (await visitor.data(query, i=given))["p"]
    return payload


async def send(visitor: Visitor, sequence: int, values: Any, **more: Any) -> dict[str, Any]:
    given = {"instanceId": "ins_a", "values": values, "sequence": sequence, **more}
    query = "mutation($i:ControlSendInput!){p:controlSend(input:$i){appliedAtStep userErrors{code message path}}}"
    payload: dict[str, Any] = (await visitor.data(query, i=given))["p"]
    return payload


async def release(visitor: Visitor, control_id: str | None = None) -> dict[str, Any]:
    query = (
        'mutation($c:ID){p:controlRelease(input:{instanceId:"ins_a"},controlId:$c)'
        "{instance{generation control{id}} userErrors{code}}}"
    )
    payload: dict[str, Any] = (await visitor.data(query, c=control_id))["p"]
    return payload


def events(store: MemoryStore) -> list[str]:
    found = [document for ref, document in store.documents.items() if ref.collection == Collections.EVENTS]
    return [f"{each['kind']} {each['message']}" for each in found]


@pytest.mark.usefixtures("runner")
async def test_who_takes_the_wheel_is_shown_and_told_of(visitor: Visitor, store: MemoryStore) -> None:
    """The lease names its holder, its end and what is driven; taking and releasing it are events of the instance."""
    taken = await acquire(visitor, paths=["action.steer"])
    assert taken["userErrors"] == []
    assert taken["control"]["holder"] == {"id": "user_operator", "name": "operator", "role": "OPERATOR"}
    assert (taken["control"]["paths"], taken["control"]["onSilence"]) == (["action.steer"], "NEUTRAL")
    shown = await visitor.data('{instance(id:"ins_a"){control{id}}}')
    assert shown["instance"]["control"]["id"] == taken["control"]["id"]
    assert (await release(visitor))["instance"]["control"] is None
    assert events(store) == [
        "CONTROL operator takes the wheel of action.steer; on silence: NEUTRAL",
        "CONTROL operator lets go of the wheel",
    ]


async def test_values_reach_the_runner_under_the_lease_and_say_where_they_took_effect(
    visitor: Visitor, runner: FakeRunner
) -> None:
    """What is sent goes over the live link with lease and sequence; the step comes back."""
    lease = (await acquire(visitor))["control"]["id"]
    runner.answer = lambda asked: {"step": 40 + asked["sequence"]}
    assert (await send(visitor, 2, {"action.steer": 0.5}))["appliedAtStep"] == 42
    [told] = runner.asked("control")
    assert (told["lease"], told["values"], told["sequence"]) == (lease, {"action.steer": 0.5}, 2)
    assert any(each["desired"]["control"]["id"] == lease for each in runner.asked("desired"))


async def test_a_runner_that_refuses_a_value_says_why(visitor: Visitor, runner: FakeRunner) -> None:
    """Its code and message are the caller's."""
    await acquire(visitor)
    runner.answer = lambda _asked: {"code": "INVALID_INPUT", "message": "modality steer: expected float32"}
    [error] = (await send(visitor, 1, {"action.steer": "left"}))["userErrors"]
    assert (error["code"], error["message"]) == ("INVALID_INPUT", "modality steer: expected float32")


async def test_the_holder_before_is_told_by_control_held(visitor: Visitor, runner: FakeRunner) -> None:
    """Sending under a lease that another one has replaced is CONTROL_HELD, and releasing it changes nothing.

    Where the link has not heard of the newer lease yet, the runner refuses.
    """
    runner.answer = lambda _asked: {"code": "CONTROL_HELD", "message": "operator drives"}
    first = (await acquire(visitor))["control"]["id"]
    [refused] = (await acquire(visitor, ifFree=True))["userErrors"]
    assert refused["code"] == "CONTROL_HELD"
    second = (await acquire(visitor))["control"]["id"]
    [error] = (await send(visitor, 1, {}, controlId=first))["userErrors"]
    assert error["code"] == "CONTROL_HELD"
    assert (await release(visitor, first))["instance"]["control"]["id"] == second


@pytest.mark.usefixtures("runner")
async def test_who_does_not_drive_cannot_send(visitor: Visitor) -> None:
    """Without a lease, or after its end, values are refused with what to do."""
    [error] = (await send(visitor, 1, {}))["userErrors"]
    assert error["code"] == "INVALID_TRANSITION"
    assert "acquire control first" in error["message"]


@pytest.mark.usefixtures("runner")
async def test_a_path_that_cannot_be_driven_is_refused_with_those_that_can(visitor: Visitor) -> None:
    """The names are those of the manifest."""
    [error] = (await acquire(visitor, paths=["action.break"]))["userErrors"]
    assert error == {
        "code": "INVALID_INPUT",
        "message": "action.break cannot be driven; action.steer, action.throttle can",
        "path": ["input", "paths"],
    }


async def test_driving_prolongs_the_lease_without_a_new_generation(
    visitor: Visitor, runner: FakeRunner, store: MemoryStore, clock: FakeClock
) -> None:
    """A lease whose end is near is prolonged by what is sent; before that nothing is written."""
    generation = (await acquire(visitor))["instance"]["generation"]
    runner.answer = lambda _asked: {"step": None}
    before = store.documents[Ref(Collections.INSTANCES, "ins_a")]
    await send(visitor, 1, {})
    assert store.documents[Ref(Collections.INSTANCES, "ins_a")] == before
    clock.advance(control.LEASE_S - 1)
    await send(visitor, 2, {})

    def lease_end() -> str:
        held = cast(InstanceDoc, store.documents[Ref(Collections.INSTANCES, "ins_a")])["desired"].get("control")
        assert held is not None
        return held["expiresAt"]

    end = before["desired"]["control"]["expiresAt"]
    sequence = 3
    while lease_end() == end:  # it is prolonged beside the answer
        await send(visitor, sequence, {})
        sequence += 1
    assert store.documents[Ref(Collections.INSTANCES, "ins_a")]["generation"] == generation


async def test_without_an_answer_the_step_is_not_known(visitor: Visitor, runner: FakeRunner, api: Api) -> None:
    """A runner that answers nothing is none that refuses: the values are on their way."""
    await acquire(visitor)
    runner.answer = lambda _asked: {"step": None}
    assert await send(visitor, 1, {"action.steer": 0.0}) == {"appliedAtStep": None, "userErrors": []}
    assert api.open_links == 1
