"""Launches through the API: what is checked, counted, remembered and told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.errors import Conflict, LimitReached, Transient
from graphql_api.api import Api
from graphql_api.launch import Launches

from tests.fakes import zoo
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.queue import FakeQueue
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

from .conftest import CONFIGURATION

LAUNCH = """mutation($i:InstanceLaunchInput!){instanceLaunch(input:$i){
  instance{id name phase desiredPhase generation attempt parameters seed tags mode{training inference} stepsPerSecond
    modelName environment{name} environmentInstance{id} compute{id} createdAt}
  userErrors{code message path}}}"""
WORLD = """mutation($i:EnvironmentLaunchInput!){environmentLaunch(input:$i){
  environmentInstance{id name phase parameters environment{name}} userErrors{code message path}}}"""
PARAMETER = {
    "name": "learning_rate", "type": "float", "defaultJson": "0.1", "description": None, "display": None,
    "minimum": 0.0, "maximum": 1.0, "choicesJson": None, "required": False,
}  # fmt: skip


async def launch(visitor: Visitor, **input: Any) -> dict[str, Any]:
    data = await visitor.data(LAUNCH, i={"modelId": "mod_learner", **input})
    payload: dict[str, Any] = data["instanceLaunch"]
    return payload


def change(store: MemoryStore, collection: str, id: str, **changes: Any) -> None:
    document = store.get(Ref(collection, id))
    assert document is not None
    zoo.put(store, collection, {**document, **changes})


def meet_in_transactions(store: MemoryStore) -> None:
    """Lets two threads both read, in their first transaction, before either writes."""
    both_have_read = threading.Barrier(2, timeout=10)
    whole = store.transact
    waited: set[int] = set()

    def meeting(fn: Any) -> Any:
        def wrapped(transaction: Any) -> Any:
            result = fn(transaction)
            if threading.get_ident() not in waited:
                waited.add(threading.get_ident())
                both_have_read.wait()
            return result

        return whole(wrapped)

    store.transact = meeting  # type: ignore[method-assign]


async def test_a_launch_is_stored_and_published_before_it_is_answered(
    visitor: Visitor, store: MemoryStore, queue: FakeQueue
) -> None:
    """The row is PENDING, counts under its limits, has its event, and the launcher knows."""
    change(store, Collections.MODELS, "mod_learner", parameters=[PARAMETER])
    payload = await launch(
        visitor, environmentId="world_box", parameters={"learning_rate": 0.5}, seed=7, tags=["a", "a "], paused=True
    )
    made = payload["instance"]
    assert payload["userErrors"] == []
    assert made["name"] == "learner 1"
    assert (made["phase"], made["desiredPhase"], made["generation"], made["attempt"]) == ("PENDING", "PAUSED", 1, 1)
    assert (made["parameters"], made["seed"], made["tags"]) == ({"learning_rate": 0.5}, 7, ["a"])
    assert made["mode"] == {"training": True, "inference": True}
    assert (made["environment"], made["compute"]) == ({"name": "box"}, {"id": "compute_here"})
    message = {"kind": "instance", "instanceId": made["id"], "attempt": 1, "commandId": None}
    assert queue.published == [("launches", message)]
    for limit in ("models", "environments", "environment:world_box"):
        assert store.documents[Ref(Collections.LIMITS, limit)]["members"] == [made["id"]]
    events = [document for ref, document in store.documents.items() if ref.collection == Collections.EVENTS]
    assert [(event["kind"], event["resourceId"]) for event in events] == [("LAUNCHED", made["id"])]
    assert (await launch(visitor))["instance"]["name"] == "learner 2"


async def test_what_has_no_world_is_not_asked_to_learn(visitor: Visitor) -> None:
    """Unless somebody says so: what was asked is kept."""
    assert (await launch(visitor))["instance"]["mode"] == {"training": False, "inference": True}
    asked = {"training": True, "inference": True}
    assert (await launch(visitor, mode=asked))["instance"]["mode"] == asked


async def test_a_parameter_out_of_range_is_refused_with_the_path_to_it(visitor: Visitor, store: MemoryStore) -> None:
    """The error leads to the value from the top of the input, and nothing is stored."""
    change(store, Collections.MODELS, "mod_learner", parameters=[PARAMETER])
    payload = await launch(visitor, parameters={"learning_rate": 3})
    (error,) = payload["userErrors"]
    assert (payload["instance"], error["code"]) == (None, "INVALID_INPUT")
    assert error["path"] == ["input", "parameters", "learning_rate"]
    assert "learning_rate" in error["message"]
    assert not [ref for ref in store.documents if ref.collection == Collections.INSTANCES]


@pytest.mark.parametrize(
    ("input", "code", "path"),
    [
        ({"modelId": "mod_gone"}, "NOT_FOUND", None),
        ({"environmentId": "world_gone"}, "NOT_FOUND", None),
        ({"environmentInstanceId": "env_gone"}, "NOT_FOUND", None),
        ({"computeId": "compute_gone"}, "NOT_FOUND", None),
        ({"checkpointId": "cp_1"}, "NOT_FOUND", None),
        ({"parameters": [1]}, "INVALID_INPUT", ["input", "parameters"]),
        ({"environmentParameters": {"a": 1}}, "INVALID_INPUT", ["input", "environmentParameters"]),
        (
            {"environmentId": "world_box", "environmentInstanceId": "env_1"},
            "INVALID_INPUT",
            ["input", "environmentInstanceId"],
        ),
        ({"name": "n" * 101}, "INVALID_INPUT", ["input", "name"]),
        ({"tags": ["", "b"]}, "INVALID_INPUT", ["input", "tags", "0"]),
        ({"name": "a\x1b[31mb"}, "INVALID_INPUT", ["input", "name"]),
        ({"name": "a\nb"}, "INVALID_INPUT", ["input", "name"]),
        ({"name": "a\u202eb"}, "INVALID_INPUT", ["input", "name"]),
        ({"tags": ["a", "b\x00"]}, "INVALID_INPUT", ["input", "tags", "1"]),
        ({"commandId": "a/b"}, "INVALID_INPUT", ["input", "commandId"]),
        ({"commandId": ".."}, "INVALID_INPUT", ["input", "commandId"]),
        ({"commandId": "__x__"}, "INVALID_INPUT", ["input", "commandId"]),
        ({"commandId": "a\n"}, "INVALID_INPUT", ["input", "commandId"]),
        ({"seed": -1}, "INVALID_INPUT", ["input", "seed"]),
    ],
)
async def test_what_does_not_fit_is_refused(
    visitor: Visitor, input: dict[str, Any], code: str, path: list[str] | None
) -> None:
    """Each refusal has its code, and a path where a value of the input is at fault."""
    (error,) = (await launch(visitor, **input))["userErrors"]
    assert (error["code"], error["path"]) == (code, path)


async def test_a_model_with_a_syntax_error_is_refused_with_it(visitor: Visitor, store: MemoryStore) -> None:
    """The finding says which line; it reaches whoever launches, and the model says so beforehand."""
    query = '{model(id:"mod_learner"){launchable}}'
    change(store, Collections.MODELS, "mod_learner", findings=["learner.py:9: lr has no default"])
    assert (await visitor.data(query))["model"] == {"launchable": True}
    change(store, Collections.MODELS, "mod_learner", defect="/zoo/learner.py:3: syntax error: invalid syntax")
    assert (await visitor.data(query))["model"] == {"launchable": False}
    (error,) = (await launch(visitor))["userErrors"]
    assert error["path"] == ["input", "modelId"]
    assert "learner.py:3" in error["message"]


async def test_an_instance_says_where_its_source_stood(visitor: Visitor, store: MemoryStore) -> None:
    """The commit that the catalogue tells is the instance's from the start."""
    code = {"commit": "c" * 40, "path": "learner.py", "modified": False, "atHand": True}
    plain = (await launch(visitor))["instance"]
    change(store, Collections.MODELS, "mod_learner", code=code)
    known = (await launch(visitor))["instance"]
    told = {"id": "mod_learner", "name": "learner", "revision": "r1"}
    assert zoo.read(store, plain["id"])["model"] == told
    assert zoo.read(store, known["id"])["model"] == {**told, "code": code}


async def test_the_same_command_launches_once(visitor: Visitor, queue: FakeQueue, store: MemoryStore) -> None:
    """The second time answers with the same instance; for anything else the id is refused."""
    first = (await launch(visitor, commandId="c1"))["instance"]
    again = (await launch(visitor, commandId="c1"))["instance"]
    assert first["id"] == again["id"]
    assert len([ref for ref in store.documents if ref.collection == Collections.INSTANCES]) == 1
    assert {data["instanceId"] for _, data in queue.published} == {first["id"]}
    world = await visitor.data(WORLD, i={"environmentId": "world_box", "commandId": "c1"})
    assert world["environmentLaunch"]["userErrors"][0]["code"] == "CONFLICT"


async def test_the_same_command_with_another_input_is_refused(
    visitor: Visitor, queue: FakeQueue, store: MemoryStore
) -> None:
    """Answering with the first instance would hide that what was asked now never happened."""
    parameters = [{**PARAMETER, "name": name, "maximum": None} for name in "ab"]
    change(store, Collections.MODELS, "mod_learner", parameters=parameters)
    change(store, Collections.ENVIRONMENTS, "world_box", parameters=parameters)
    first = (await launch(visitor, commandId="c1", seed=1, parameters={"a": 1, "b": 2}))["instance"]
    told = (await launch(visitor, parameters={"b": 2, "a": 1}, name=None, seed=1, commandId="c1"))["instance"]
    payload = await launch(visitor, commandId="c1", seed=2, parameters={"a": 1, "b": 2})
    (error,) = payload["userErrors"]
    assert (told["id"], payload["instance"], error["code"]) == (first["id"], None, "CONFLICT")
    assert first["id"] in error["message"]
    assert {data["instanceId"] for _, data in queue.published} == {first["id"]}
    world = {"environmentId": "world_box", "commandId": "c2"}
    assert (await visitor.data(WORLD, i=world))["environmentLaunch"]["userErrors"] == []
    refused = await visitor.data(WORLD, i={**world, "parameters": {"a": 2}})
    assert refused["environmentLaunch"]["userErrors"][0]["code"] == "CONFLICT"


async def test_a_command_of_an_earlier_version_is_answered(visitor: Visitor, store: MemoryStore) -> None:
    """What it was asked with is not known; its id alone decides."""
    first = (await launch(visitor, commandId="c1"))["instance"]
    stored = store.get(Ref(Collections.COMMANDS, "c1"))
    assert stored is not None
    zoo.put(store, Collections.COMMANDS, {key: value for key, value in stored.items() if key != "digest"})
    assert (await launch(visitor, commandId="c1", seed=3))["instance"]["id"] == first["id"]


@pytest.mark.parametrize(("seeds", "outcomes"), [((1, 1), ["dict", "dict"]), ((1, 2), ["Conflict", "dict"])])
async def test_one_command_twice_at_once_launches_once(
    store: MemoryStore, clock: FakeClock, seeds: tuple[int, int], outcomes: list[str]
) -> None:
    """Both find the id unused before either writes; the later one is told the same, or refused for another input."""
    launches = Launches(store=store, queue=FakeQueue(), clock=clock, ids=SequentialIds())
    meet_in_transactions(store)

    def one(seed: int) -> Document | Conflict:
        try:
            asked = {"modelId": "mod_learner", "commandId": "c1", "seed": seed}
            return dict(launches.instance(Principal.operator(), asked))
        except Conflict as error:
            return error

    answers = await asyncio.gather(*(asyncio.to_thread(one, seed) for seed in seeds))
    assert sorted(type(answer).__name__ for answer in answers) == outcomes
    made = {ref.id for ref in store.documents if ref.collection == Collections.INSTANCES}
    assert made == {answer["id"] for answer in answers if isinstance(answer, dict)}
    assert len(made) == 1


async def test_a_launch_beyond_a_limit_is_refused_with_the_numbers(visitor: Visitor) -> None:
    """The third world is one too many here; the message says how many run of how many."""
    for _ in range(2):
        await visitor.data(WORLD, i={"environmentId": "world_box"})
    (error,) = (await launch(visitor, environmentId="world_box"))["userErrors"]
    assert error["code"] == "LIMIT_REACHED"
    assert "2 of at most 2" in error["message"]


async def test_a_world_has_as_many_seats_as_its_kind_says(visitor: Visitor, store: MemoryStore) -> None:
    """A seat is taken by the launch and shown as the joined world."""
    change(store, Collections.ENVIRONMENTS, "world_box", maxConnected=1)
    world = (await visitor.data(WORLD, i={"environmentId": "world_box"}))["environmentLaunch"]["environmentInstance"]
    assert (world["name"], world["phase"], world["environment"]) == ("box 1", "PENDING", {"name": "box"})
    joined = (await launch(visitor, environmentInstanceId=world["id"]))["instance"]
    assert joined["environmentInstance"] == {"id": world["id"]}
    assert joined["environment"] == {"name": "box"}
    (error,) = (await launch(visitor, environmentInstanceId=world["id"]))["userErrors"]
    assert error["code"] == "LIMIT_REACHED"


async def test_a_launch_that_cannot_be_published_is_a_success(api: Api, store: MemoryStore, clock: FakeClock) -> None:
    """The row is safe; the reconciler publishes what stays PENDING."""

    class Silent(FakeQueue):
        def publish(self, topic: str, data: Mapping[str, Any]) -> str:
            raise Transient("the queue is away")

    launches = Launches(store=store, queue=Silent(), clock=clock, ids=SequentialIds())
    made = launches.instance(Principal.operator(), {"modelId": "mod_learner"})
    assert store.get(Ref(Collections.INSTANCES, made["id"])) is not None


async def test_of_two_launches_at_once_past_a_limit_exactly_one_wins(store: MemoryStore, clock: FakeClock) -> None:
    """Both read before either writes; the limit holds all the same."""
    zoo.put(store, Collections.CONFIGURATION, {**CONFIGURATION, "maxModels": 1})
    launches = Launches(store=store, queue=FakeQueue(), clock=clock, ids=SequentialIds())
    meet_in_transactions(store)

    def one() -> Document | LimitReached:
        try:
            return dict(launches.instance(Principal.operator(), {"modelId": "mod_learner"}))
        except LimitReached as error:
            return error

    answers = await asyncio.gather(asyncio.to_thread(one), asyncio.to_thread(one))
    assert sorted(type(answer).__name__ for answer in answers) == ["LimitReached", "dict"]
    assert len(store.documents[Ref(Collections.LIMITS, "models")]["members"]) == 1
