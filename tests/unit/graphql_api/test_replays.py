"""Replays through the API: what is launched for a recording, and what is refused."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, Document
from graphql_api.api import Api

from tests.fakes import checkpoints, zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

REPLAY = """mutation($i:RecordingReplayInput!){recordingReplay(input:$i){
  instance{id origin name mode{training inference} environment{id} latestCheckpoint{id} parameters
    replay{recordingId planes comparedSteps identical first{step path magnitude}}}
  userErrors{code message path}}}"""


LONGEST = {
    "name": "longest", "type": "int", "defaultJson": "500", "description": None, "display": None, "minimum": None,
    "maximum": None, "choicesJson": None, "required": False,
}  # fmt: skip


@pytest.fixture
def recording(store: MemoryStore, bucket: MemoryBucket, clock: FakeClock) -> Document:
    """A sealed recording of steps 8 to 107 of an instance that has ended."""
    zoo.put(store, Collections.ENVIRONMENTS, {**zoo.environment(), "parameters": [LONGEST]})
    source = zoo.instance(clock.now(), "ins_a", environmentParametersJson='{"longest": 20}')
    claimed = lifecycle.claim(source, 1, clock.now())
    ended = lifecycle.report(claimed, 1, {"phase": "TERMINATED"}, clock.now())
    zoo.put(store, Collections.INSTANCES, cast(Document, ended))
    point = checkpoints.add(store, bucket, clock.now(), "ins_a", "first", 7)
    document: Document = {
        "id": "rec_1", "instanceId": "ins_a", "instanceName": "ins_a", "modelId": "mod_learner", "ownerId": None,
        "authorId": None, "attempt": 1, "timeline": 1, "phase": "SEALED", "asked": None, "signals": ["action"],
        "firstStep": 8, "lastStep": 107, "firstAt": None, "lastAt": None, "sizeBytes": 5_000, "droppedSteps": 0,
        "createdAt": lifecycle.timestamp(clock.now()), "sealedAt": None, "checkpointId": point["id"],
        "prefix": "runs/ins_a/1/recordings/rec_1/", "kind": "ASKED", "failure": None,
    }  # fmt: skip
    zoo.put(store, Collections.RECORDINGS, document)
    return document


async def replay(visitor: Visitor, **input: Any) -> dict[str, Any]:
    given = {"recordingId": "rec_1", **input}
    payload: dict[str, Any] = (await visitor.data(REPLAY, i=given))["recordingReplay"]
    return payload


async def refusal(visitor: Visitor, **input: Any) -> tuple[str, str]:
    (error,) = (await replay(visitor, **input))["userErrors"]
    return error["code"], error["message"]


async def test_a_replay_is_an_instance_that_starts_from_the_recordings_checkpoint(
    visitor: Visitor, store: MemoryStore, queue: FakeQueue, recording: Document
) -> None:
    """It has the model and seed of what was recorded, and no environment: recorded inputs drive."""
    payload = await replay(visitor)

    assert payload["userErrors"] == []
    shown = payload["instance"]
    assert (shown["origin"], shown["name"], shown["environment"]) == ("REPLAY", "Replay of ins_a", None)
    assert shown["latestCheckpoint"]["id"] == recording["checkpointId"]
    assert shown["replay"] == {
        "recordingId": "rec_1", "planes": ["INPUTS"], "comparedSteps": 0.0, "identical": True, "first": None,
    }  # fmt: skip
    row = zoo.read(store, shown["id"])
    assert (row["seed"], row["model"]["id"]) == (7, "mod_learner")  # type: ignore[index]
    assert [data["instanceId"] for _, data in queue.published] == [shown["id"]]


async def test_an_environment_gets_the_recorded_actions(
    visitor: Visitor, store: MemoryStore, recording: Document
) -> None:
    """One of the same kind takes the parameters that it had; without planes, the actions drive it."""
    shown = (await replay(visitor, environmentId="world_box"))["instance"]

    assert (shown["environment"]["id"], shown["replay"]["planes"]) == ("world_box", ["OUTPUTS"])
    assert json.loads(zoo.read(store, shown["id"])["environmentParametersJson"]) == {"longest": 20}


async def test_without_planes_everything_is_run_once_more(visitor: Visitor, recording: Document) -> None:
    """An empty list drives with nothing, in an environment of the kind that was recorded."""
    shown = (await replay(visitor, planes=[]))["instance"]

    assert (shown["environment"]["id"], shown["replay"]["planes"]) == ("world_box", [])


async def test_the_report_is_what_the_runner_said(
    visitor: Visitor, store: MemoryStore, clock: FakeClock, recording: Document
) -> None:
    """Also by the instance, after it has ended."""
    launched = (await replay(visitor))["instance"]["id"]
    row = lifecycle.claim(zoo.read(store, launched), 1, clock.now())
    said: Any = {"comparedSteps": 40, "identical": False, "first": {"step": 47, "path": "outputs.q", "magnitude": 0.5}}
    ended = lifecycle.report(row, 1, {"phase": "TERMINATED", "replay": said}, clock.now())
    zoo.put(store, Collections.INSTANCES, cast(Document, ended))

    query = "query($id:ID!){instance(id:$id){phase replay{comparedSteps identical first{step path magnitude}}}}"
    shown = (await visitor.data(query, id=launched))["instance"]

    first = {"step": 47.0, "path": "outputs.q", "magnitude": 0.5}
    assert shown == {
        "phase": "TERMINATED", "replay": {"comparedSteps": 40.0, "identical": False, "first": first},
    }  # fmt: skip


async def test_another_checkpoint_of_the_model_may_be_named(
    visitor: Visitor, store: MemoryStore, bucket: MemoryBucket, clock: FakeClock, recording: Document
) -> None:
    """It starts from that one; a recording without one of its own needs it."""
    other = checkpoints.add(store, bucket, clock.advance(1), "ins_b", "other", 900)
    assert (await replay(visitor, checkpointId=other["id"]))["instance"]["latestCheckpoint"]["id"] == other["id"]

    zoo.put(store, Collections.RECORDINGS, {**recording, "checkpointId": None})
    code, message = await refusal(visitor)
    assert (code, "checkpointId" in message) == ("INVALID_INPUT", True)


async def test_the_same_command_launches_once(visitor: Visitor, recording: Document) -> None:
    """The second answer is the first one's instance."""
    ids = {(await replay(visitor, commandId="c1"))["instance"]["id"] for _ in range(2)}

    assert len(ids) == 1


@pytest.mark.parametrize(
    ("input", "said"),
    [
        ({"planes": ["INPUTS"], "environmentId": "world_box"}, "leave environmentId out"),
        ({"planes": ["INPUTS", "OUTPUTS"]}, "nothing to compute"),
        ({"fromStep": 3}, "8 to 107"),
        ({"toStep": 400}, "8 to 107"),
        ({"fromStep": 50, "toStep": 20}, "before fromStep"),
        ({"fromStep": 8.5}, "whole numbers"),
    ],
)
async def test_what_cannot_be_replayed_is_refused(
    visitor: Visitor, recording: Document, input: dict[str, Any], said: str
) -> None:
    """The error says what to leave out, or what there is."""
    code, message = await refusal(visitor, **input)

    assert code == "INVALID_INPUT"
    assert said in message


async def test_only_what_has_ended_and_holds_something_is_replayed(
    visitor: Visitor, store: MemoryStore, recording: Document
) -> None:
    """An open one is stopped first; an empty one, and one of a deleted instance, never."""
    zoo.put(store, Collections.RECORDINGS, {**recording, "phase": "OPEN"})
    assert (await refusal(visitor))[0] == "INVALID_TRANSITION"
    zoo.put(store, Collections.RECORDINGS, {**recording, "sizeBytes": 0})
    assert "holds no steps" in (await refusal(visitor))[1]
    zoo.put(store, Collections.RECORDINGS, {**recording, "modelId": None})
    assert "no model" in (await refusal(visitor))[1]
    zoo.put(store, Collections.RECORDINGS, {**recording, "instanceId": "ins_gone"})
    assert (await refusal(visitor))[0] == "NOT_FOUND"
    assert (await refusal(visitor, recordingId="rec_2"))[0] == "NOT_FOUND"
    assert (await refusal(visitor, recordingId="chk_2"))[0] == "NOT_FOUND"


async def test_strangers_see_no_recording_to_replay(api: Api, visitor: Visitor, recording: Document) -> None:
    """They are told what they would be told of one that is not there."""
    stranger = Visitor(api, Principal.nobody())

    assert await refusal(stranger) == await refusal(stranger, recordingId="rec_1")
    assert (await refusal(stranger))[0] == "NOT_FOUND"
