"""Letting rules stand on the signals of an instance, seeing them, and ending them."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, InstanceDoc, Ref
from ainimal_zookeeper.modality import Modality
from graphql_api.api import Api

from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

FIELDS = """override{id order path rule value low high weight index patch{recordingId path fromStep} allowNonFinite
 expiresAt expiresInSteps appliedAtStep expiresAtStep author{id name role}} userErrors{code message path}"""
MODALITIES = {
    "outputs.steer": Modality.vector("steer", 2, -1, 1),
    "action": Modality.discrete("move", 3),
    "weights.head.bias": Modality.vector("bias", 4),
    "inputs.words": Modality.text("words"),
}


@pytest.fixture
def running(store: MemoryStore, clock: FakeClock) -> InstanceDoc:
    row = zoo.instance(clock.now(), "ins_a")
    row["status"] |= {"phase": "RUNNING", "claimed": True}
    zoo.put(store, Collections.INSTANCES, cast(Any, row))
    signals = [
        {"path": path, "modality": modality.to_document(), "observable": True, "overridable": True}
        for path, modality in MODALITIES.items()
    ]
    reward = {"path": "env.reward", "modality": Modality.scalar("reward").to_document(), "observable": True}
    signals.append({**reward, "overridable": False, "reason": "the world says it"})
    zoo.put(
        store, Collections.MANIFESTS, {"id": "ins_a", "attempt": 1, "manifestJson": json.dumps({"signals": signals})}
    )
    return row


async def let_stand(visitor: Visitor, path: str, rule: str, **more: Any) -> dict[str, Any]:
    given = {"instanceId": "ins_a", "path": path, "rule": rule, **more}
    query = f"mutation($i:OverrideSetInput!){{p:overrideSet(input:$i){{{FIELDS} instance{{generation}}}}}}"
    payload: dict[str, Any] = (await visitor.data(query, i=given))["p"]
    return payload


async def clear(visitor: Visitor, **more: Any) -> dict[str, Any]:
    fields = "instance{generation overrides{id}} userErrors{code message}"
    query = f"mutation($i:OverrideClearInput!){{p:overrideClear(input:$i){{{fields}}}}}"
    payload: dict[str, Any] = (await visitor.data(query, i={"instanceId": "ins_a", **more}))["p"]
    return payload


async def seen(visitor: Visitor) -> list[dict[str, Any]]:
    query = '{instance(id:"ins_a"){overrides{id path rule value appliedAtStep expiresAtStep author{name}}}}'
    rules: list[dict[str, Any]] = (await visitor.data(query))["instance"]["overrides"]
    return rules


async def refusal(visitor: Visitor, path: str, rule: str, **more: Any) -> tuple[str, str]:
    payload = await let_stand(visitor, path, rule, **more)
    assert payload["override"] is None
    (error,) = payload["userErrors"]
    return error["code"], error["message"]


@pytest.mark.usefixtures("running")
async def test_a_rule_stands_and_everybody_sees_it(visitor: Visitor, store: MemoryStore, clock: FakeClock) -> None:
    """With its author, in the document and among the events; its runner is told, and says since when it holds."""
    payload = await let_stand(visitor, "outputs.steer", "SET", value=[0.5, -1], expiresInSteps=100)
    rule = payload["override"]
    assert payload["userErrors"] == []
    assert (rule["path"], rule["rule"], rule["value"], rule["order"]) == ("outputs.steer", "SET", [0.5, -1], 1)
    assert rule["author"] == {"id": "user_operator", "name": "operator", "role": "OPERATOR"}
    assert (rule["expiresInSteps"], rule["appliedAtStep"]) == (100, None)

    row = zoo.read(store, "ins_a")
    (wanted,) = lifecycle.wanted(row)["overrides"]
    assert wanted["id"] == rule["id"]
    said: Any = {
        "overrides": [
            {"id": rule["id"], "timeline": 1, "appliedAtStep": 7, "expiresAtStep": 107, "ended": None, "message": None}
        ]
    }
    zoo.put(store, Collections.INSTANCES, cast(Any, lifecycle.report(row, 1, said, clock.now())))

    (shown,) = await seen(visitor)
    assert (shown["appliedAtStep"], shown["expiresAtStep"], shown["author"]["name"]) == (7, 107, "operator")
    events = (await visitor.data('{instance(id:"ins_a"){events{nodes{kind message}}}}'))["instance"]["events"]["nodes"]
    assert events[0] == {
        "kind": "OVERRIDE",
        "message": "overrides outputs.steer: SET to [0.5, -1], for 100 steps",
    }


@pytest.mark.usefixtures("running")
async def test_every_rule_can_be_set(visitor: Visitor) -> None:
    """And is shown with what it was given."""
    clamp = (await let_stand(visitor, "outputs.steer", "CLAMP", low=-0.5, high=0.5))["override"]
    scale = (await let_stand(visitor, "outputs.steer", "SCALE", value=0.5, index=[1]))["override"]
    blend = (await let_stand(visitor, "weights.head.bias", "BLEND", value=1, weight=0.25, expiresInSeconds=60))[
        "override"
    ]
    words = (await let_stand(visitor, "inputs.words", "SET", value="sit"))["override"]
    whole = (await let_stand(visitor, "action", "SET", value=2, index=[]))["override"]
    wild = (await let_stand(visitor, "weights.head.bias", "SET", value="NaN", allowNonFinite=True))["override"]

    assert (clamp["low"], clamp["high"], scale["index"], blend["weight"]) == (-0.5, 0.5, [1], 0.25)
    assert blend["expiresAt"] is not None
    assert whole["index"] is None
    assert (words["value"], wild["value"], wild["allowNonFinite"]) == ("sit", "NaN", True)
    assert [each["rule"] for each in await seen(visitor)] == ["CLAMP", "SCALE", "BLEND", "SET", "SET", "SET"]


@pytest.mark.usefixtures("running")
async def test_what_cannot_stand_is_refused_at_once(visitor: Visitor) -> None:
    """Each refusal names what would fit."""
    cases: list[tuple[str, str, dict[str, Any], str, str]] = [
        (
            "outputs.steer",
            "SET",
            {"value": [1, 0, 0]},
            "INVALID_INPUT",
            "float32[2] from -1 to 1; value has the shape [3]",
        ),
        ("outputs.ster", "SET", {"value": 1}, "NOT_FOUND", "did you mean outputs.steer"),
        ("weights.head.bias", "SET", {"value": "Infinity"}, "INVALID_INPUT", "set allowNonFinite"),
        ("action", "SCALE", {"value": 2}, "INVALID_INPUT", "it takes SET, not SCALE"),
        ("inputs.words", "BLEND", {"value": 2, "weight": 1}, "INVALID_INPUT", "is text: it takes SET"),
        ("env.reward", "SET", {"value": 2}, "INVALID_INPUT", "cannot be overridden: the world says it"),
        ("outputs.steer", "SET", {"value": 1, "expiresInSteps": 0}, "INVALID_INPUT", "expiresInSteps is 0"),
        ("outputs.steer", "SET", {"value": 1, "index": [2]}, "INVALID_INPUT", "outside of outputs.steer"),
    ]
    for path, rule, given, code, message in cases:
        refused = await refusal(visitor, path, rule, **given)
        assert refused[0] == code
        assert message in refused[1]
    assert await seen(visitor) == []


@pytest.mark.usefixtures("running")
async def test_rules_are_cleared_by_id_by_path_or_all_at_once(visitor: Visitor) -> None:
    """An id that never stood is told; nothing to clear is no error."""
    first = (await let_stand(visitor, "outputs.steer", "SET", value=0))["override"]["id"]
    await let_stand(visitor, "weights.head.bias", "SET", value=0)
    last = (await let_stand(visitor, "action", "SET", value=2))["override"]["id"]

    assert [each["id"] for each in (await clear(visitor, path="weights.head.bias"))["instance"]["overrides"]] == [
        first,
        last,
    ]
    assert [each["id"] for each in (await clear(visitor, overrideId=first))["instance"]["overrides"]] == [last]
    (error,) = (await clear(visitor, overrideId="ovr_none"))["userErrors"]
    assert error == {"code": "NOT_FOUND", "message": "no rule ovr_none stands on instance ins_a; list its overrides"}
    assert (await clear(visitor))["instance"]["overrides"] == []
    assert (await clear(visitor))["userErrors"] == []


@pytest.mark.usefixtures("running")
async def test_a_command_that_comes_again_sets_nothing_anew(visitor: Visitor) -> None:
    """It is answered with the rule that it made."""
    once = await let_stand(visitor, "outputs.steer", "SET", value=0, commandId="cmd-1")
    again = await let_stand(visitor, "outputs.steer", "SET", value=0, commandId="cmd-1")

    assert again == once
    code, _ = await refusal(visitor, "outputs.steer", "SET", value=1, commandId="cmd-1")
    assert code == "CONFLICT"


async def test_before_it_has_said_its_signals_nothing_can_be_checked(
    visitor: Visitor, store: MemoryStore, clock: FakeClock
) -> None:
    """Whoever asks too early is told when to ask again."""
    zoo.put(store, Collections.INSTANCES, cast(Any, zoo.instance(clock.now(), "ins_a")))
    assert await refusal(visitor, "outputs.steer", "SET", value=0) == (
        "INVALID_TRANSITION",
        "instance ins_a has not said its signals yet; override them once it runs",
    )


@pytest.mark.usefixtures("running")
async def test_a_patch_names_a_sealed_recording_that_has_it(visitor: Visitor, store: MemoryStore) -> None:
    """Its steps and signals are looked up before anything stands."""
    recording = {
        "id": "rec_1",
        "instanceId": "ins_b",
        "ownerId": None,
        "phase": "SEALED",
        "signals": ["outputs.steer", "inputs.camera"],
        "firstStep": 100,
        "lastStep": 200,
    }
    zoo.put(store, Collections.RECORDINGS, recording)
    patch = {"recordingId": "rec_1", "fromStep": 150}
    rule = (await let_stand(visitor, "outputs.steer", "PATCH", patch=patch))["override"]
    assert rule["patch"] == {"recordingId": "rec_1", "path": "outputs.steer", "fromStep": 150}

    for given, message in (
        ({**patch, "recordingId": "rec_2"}, "there is no recording rec_2"),
        ({**patch, "fromStep": 201}, "fromStep is 201; rec_1 has the steps 100 to 200"),
        ({**patch, "fromStep": 150.5}, "it must be a whole number"),
        ({**patch, "path": "outputs.stee"}, "has no outputs.stee; did you mean outputs.steer"),
    ):
        assert message in (await refusal(visitor, "outputs.steer", "PATCH", patch=given))[1]
    zoo.put(store, Collections.RECORDINGS, {**recording, "phase": "OPEN"})
    assert "stop it first" in (await refusal(visitor, "outputs.steer", "PATCH", patch=patch))[1]


@pytest.mark.usefixtures("running")
async def test_whoever_may_not_control_sets_and_sees_nothing(store: MemoryStore, api: Api) -> None:
    """Not even whether the instance is there."""
    stranger = Visitor(api, Principal.nobody())
    code, message = await refusal(stranger, "outputs.steer", "SET", value=0)
    assert (code, "ins_a" in message) == ("NOT_FOUND", True)
    assert store.get(Ref(Collections.INSTANCES, "ins_a"))["desired"].get("overrides") is None  # type: ignore[index]


@pytest.mark.usefixtures("running")
async def test_who_follows_an_instance_is_told_of_its_rules(visitor: Visitor) -> None:
    """As they are set and cleared, on the stream that is open."""
    query = "subscription($i:LiveInput!){live(input:$i){kind cursor instances{id overrides{path rule value}}}}"
    async with visitor.watch(query, i={"instanceIds": ["ins_a"]}) as tab:
        assert (await tab.live())["instances"] == [{"id": "ins_a", "overrides": []}]
        await let_stand(visitor, "outputs.steer", "SET", value=0.5)
        told = await tab.live_until(lambda event: event["instances"])
        assert told["instances"][0]["overrides"] == [{"path": "outputs.steer", "rule": "SET", "value": 0.5}]
        await clear(visitor)
        told = await tab.live_until(lambda event: event["instances"])
        assert told["instances"] == [{"id": "ins_a", "overrides": []}]
