"""Mutations on what exists."""

from __future__ import annotations

from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import Collections, Ref

from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor


@pytest.fixture(autouse=True)
def _an_instance(store: MemoryStore, clock: FakeClock) -> None:
    row = zoo.instance(clock.now(), "ins_a")
    row["status"] |= {"phase": "RUNNING", "claimed": True}
    zoo.put(store, Collections.INSTANCES, dict(row))


async def change(visitor: Visitor, mutation: str, /, **input: Any) -> dict[str, Any]:
    kind = {
        "instanceUpdate": "InstanceUpdateInput",
        "instanceModeSet": "InstanceModeSetInput",
        "instanceRateSet": "InstanceRateSetInput",
        "instanceStep": "InstanceStepInput",
    }.get(mutation, "InstanceInput")
    fields = "phase desiredPhase generation stepsPerSecond mode{training inference} name tags notes"
    query = (
        f"mutation($i:{kind}!){{p:{mutation}(input:$i)"
        f"{{instance{{{fields}}} userErrors{{code message path retryAfterSeconds}}}}}}"
    )
    data = await visitor.data(query, i={"instanceId": "ins_a", **input})
    payload: dict[str, Any] = data["p"]
    return payload


def row(store: MemoryStore) -> Any:
    return store.documents[Ref(Collections.INSTANCES, "ins_a")]


def events(store: MemoryStore) -> list[str]:
    return [document["kind"] for ref, document in store.documents.items() if ref.collection == Collections.EVENTS]


async def test_each_change_that_is_asked_for_grows_the_generation_and_is_told(
    visitor: Visitor, store: MemoryStore
) -> None:
    """Pause, step, mode, rate, reset and resume change the desired state, one generation each, with an event."""
    await change(visitor, "instancePause")
    await change(visitor, "instanceStep", count=3)
    await change(visitor, "instanceModeSet", mode={"training": False, "inference": True})
    await change(visitor, "instanceRateSet", stepsPerSecond=30)
    await change(visitor, "instanceReset")
    last = (await change(visitor, "instanceResume"))["instance"]
    assert last["generation"] == 7
    assert (last["desiredPhase"], last["stepsPerSecond"]) == ("RUNNING", 30)
    assert last["mode"] == {"training": False, "inference": True}
    assert (row(store)["desired"]["steps"], row(store)["desired"]["resets"]) == (3, 1)
    assert events(store) == ["PAUSED", "STEP", "MODE", "RATE", "RESET", "RESUMED"]


async def test_a_change_that_is_so_already_changes_nothing(visitor: Visitor, store: MemoryStore) -> None:
    """Resuming what runs is answered, neither counted nor told."""
    assert (await change(visitor, "instanceResume"))["instance"]["generation"] == 1
    assert events(store) == []


async def test_a_passed_generation_is_a_conflict_that_changes_nothing(visitor: Visitor, store: MemoryStore) -> None:
    """expectedGeneration protects whoever decided on an older state."""
    await change(visitor, "instancePause", expectedGeneration=1)
    payload = await change(visitor, "instanceResume", expectedGeneration=1)
    assert (payload["instance"], payload["userErrors"][0]["code"]) == (None, "CONFLICT")
    assert row(store)["desired"]["phase"] == "PAUSED"


@pytest.mark.parametrize(
    ("name", "input", "code", "path"),
    [
        ("instanceStep", {"count": 0}, "INVALID_INPUT", ["input", "count"]),
        ("instanceStep", {"count": 1}, "INVALID_TRANSITION", None),
        ("instanceRateSet", {"stepsPerSecond": -1}, "INVALID_INPUT", ["input", "stepsPerSecond"]),
        ("instancePause", {"instanceId": "ins_2"}, "NOT_FOUND", None),
        ("instancePause", {"instanceId": "env_1"}, "NOT_FOUND", None),
        ("instanceUpdate", {"name": "n" * 200}, "INVALID_INPUT", ["input", "name"]),
    ],
)
async def test_what_cannot_be_is_refused(
    visitor: Visitor, name: str, input: dict[str, Any], code: str, path: list[str] | None
) -> None:
    """The refusal says which rule, in the payload."""
    (error,) = (await change(visitor, name, **input))["userErrors"]
    assert (error["code"], error["path"]) == (code, path)


async def test_terminating_what_no_runner_has_ends_it_and_frees_its_places(
    visitor: Visitor, store: MemoryStore
) -> None:
    """A PENDING instance is TERMINATED at once; a running one is STOPPING and keeps its places."""
    launched = await visitor.data('mutation{instanceLaunch(input:{modelId:"mod_learner"}){instance{id}}}')
    pending = launched["instanceLaunch"]["instance"]["id"]
    assert store.documents[Ref(Collections.LIMITS, "models")]["members"] == [pending]
    ended = (await change(visitor, "instanceTerminate", instanceId=pending))["instance"]
    assert ended["phase"] == "TERMINATED"
    assert store.documents[Ref(Collections.LIMITS, "models")]["members"] == []
    assert (await change(visitor, "instanceTerminate"))["instance"]["phase"] == "STOPPING"
    assert (await change(visitor, "instancePause"))["userErrors"][0]["code"] == "INVALID_TRANSITION"


async def test_update_changes_what_is_given_and_search_finds_it(visitor: Visitor) -> None:
    """Name, tags and notes stay where they are not given; notes of null are cleared."""
    await change(visitor, "instanceUpdate", name=" Speedy ", tags=["racer"], notes="fast")
    after = (await change(visitor, "instanceUpdate", notes=None))["instance"]
    assert (after["name"], after["tags"], after["notes"], after["generation"]) == ("Speedy", ["racer"], None, 1)
    found = await visitor.data('{instances(search:"spe RAC"){nodes{id}}}')
    assert found["instances"]["nodes"] == [{"id": "ins_a"}]


async def test_only_what_has_ended_is_deleted_and_nothing_but_events_stays(
    visitor: Visitor, store: MemoryStore
) -> None:
    """Row, manifest, history, picture and log go together."""
    query = 'mutation{instanceDelete(input:{instanceId:"ins_a"}){deletedId userErrors{code}}}'
    refused = (await visitor.data(query))["instanceDelete"]
    assert (refused["deletedId"], refused["userErrors"][0]["code"]) == (None, "INVALID_TRANSITION")
    ended = row(store)
    ended["status"]["phase"] = "FAILED"
    zoo.put(store, Collections.INSTANCES, ended)
    for collection in (Collections.MANIFESTS, Collections.SERIES, Collections.THUMBNAILS):
        zoo.put(store, collection, {"id": "ins_a"})
    for order in range(130):
        zoo.put(store, Collections.LOGS, {"id": f"log_{order}", "instanceId": "ins_a", "order": order, "lines": []})
    assert (await visitor.data(query))["instanceDelete"] == {"deletedId": "ins_a", "userErrors": []}
    left = {ref.collection for ref in store.documents}
    assert left == {Collections.MODELS, Collections.ENVIRONMENTS, Collections.CONFIGURATION, Collections.EVENTS}
    assert events(store) == ["DELETED"]


async def test_worlds_are_reset_and_terminated(visitor: Visitor) -> None:
    """The world's own mutations take worlds only."""
    world = await visitor.data(
        'mutation{environmentLaunch(input:{environmentId:"world_box"}){environmentInstance{id}}}'
    )
    named = {"environmentInstanceId": world["environmentLaunch"]["environmentInstance"]["id"]}
    query = "mutation($i:EnvironmentInstanceInput!){p:%s(input:$i){environmentInstance{phase} userErrors{code}}}"
    reset = await visitor.data(query % "environmentReset", i=named)
    assert reset["p"] == {"environmentInstance": {"phase": "PENDING"}, "userErrors": []}
    ended = await visitor.data(query % "environmentTerminate", i=named)
    assert ended["p"]["environmentInstance"] == {"phase": "TERMINATED"}
    wrong = await visitor.data(query % "environmentReset", i={"environmentInstanceId": "ins_a"})
    assert wrong["p"]["userErrors"] == [{"code": "NOT_FOUND"}]
