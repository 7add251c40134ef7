"""Recordings through the API: asked for, listed, read by who may, taken away; and notes at steps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from ainimal_zookeeper.domain import lifecycle, queries
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, RecordingDoc, Ref, instance_ref
from graphql_api import projection
from graphql_api.api import Api

from tests.fakes import checkpoints, zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

_SHOWN = """{id phase kind instanceId timeline signals firstStep lastStep sizeBytes problem checkpointId viewerCan
  access{baseUrl headers expiresAt}}"""
_PAYLOAD = f"{{recording{_SHOWN} userErrors{{code message path}}}}"
START = f"mutation($i:RecordingStartInput!){{recordingStart(input:$i){_PAYLOAD}}}"
LAST = f"mutation($i:RecordingSaveLastInput!){{recordingSaveLast(input:$i){_PAYLOAD}}}"
STOP = f"mutation($i:RecordingInput!){{recordingStop(input:$i){_PAYLOAD}}}"
DELETE = "mutation($i:RecordingInput!){recordingDelete(input:$i){deletedId userErrors{code message}}}"
NOTE = """mutation($i:AnnotationCreateInput!){annotationCreate(input:$i){
  annotation{id step endStep timeline text} userErrors{code message path}}}"""
UNNOTE = "mutation($i:AnnotationInput!){annotationDelete(input:$i){deletedId userErrors{code}}}"
PATHS = ["inputs.observation", "outputs.action", "action", "env.reward", "weights.policy"]
MODALITY = {
    "kind": "VECTOR", "shape": [2], "dtype": "float32", "low": None, "high": None, "neutral": None, "labels": None,
    "names": None, "unit": None, "layout": None, "maxDelta": None,
}  # fmt: skip


@pytest.fixture(autouse=True)
def running(store: MemoryStore, clock: FakeClock) -> None:
    """There is one instance, which runs, and has told its signals."""
    claimed = lifecycle.claim(zoo.instance(clock.now(), "ins_a"), 1, clock.now())
    zoo.add(store, lifecycle.report(claimed, 1, {"phase": "RUNNING"}, clock.now()))
    signals = [
        {"path": path, "modality": {"name": path, **MODALITY}, "observable": True, "overridable": True}
        for path in PATHS
    ]
    manifest = {"id": "ins_a", "attempt": 1, "manifestJson": json.dumps({"signals": signals})}
    zoo.put(store, Collections.MANIFESTS, manifest)


def change(store: MemoryStore, id: str, **changes: Any) -> RecordingDoc:
    """Writes of a recording what its runner has said."""
    after = {**cast(Document, store.get(Ref(Collections.RECORDINGS, id))), **changes}
    zoo.put(store, Collections.RECORDINGS, after)
    return cast(RecordingDoc, after)


async def asked(store: MemoryStore, find: Callable[[InstanceDoc], Any]) -> str:
    """Returns the id of what is asked of the runner, as soon as it is."""
    return str((await until_row(store, find))["id"])


async def until_row(store: MemoryStore, find: Callable[[InstanceDoc], Any]) -> Any:
    """Returns what `find` finds in the row, as soon as that is not None."""
    loop, there = asyncio.get_running_loop(), asyncio.Event()

    def changed(_: list[Document]) -> None:
        loop.call_soon_threadsafe(there.set)

    watch = store.watch(instance_ref("ins_a"), changed)
    try:
        async with asyncio.timeout(10):
            while (found := find(zoo.read(store, "ins_a"))) is None:
                await there.wait()
                there.clear()
    finally:
        watch.close()
    return found


async def start(visitor: Visitor, store: MemoryStore, **input: Any) -> dict[str, Any]:
    """Starts a recording that its runner takes up."""
    asking = asyncio.create_task(visitor.data(START, i={"instanceId": "ins_a", **input}))
    change(store, await asked(store, lifecycle.wanted_recording), signals=["action"], firstStep=3)
    payload: dict[str, Any] = (await asking)["recordingStart"]
    return payload


async def refusal(visitor: Visitor, mutation: str, **input: Any) -> dict[str, Any]:
    (payload,) = (await visitor.data(mutation, i=input)).values()
    (error,) = payload["userErrors"]
    return cast("dict[str, Any]", error)


# --- asked for -------------------------------------------------------------------------------------------------------


async def test_recording_is_asked_of_the_attempt_and_answered_once_it_records(
    visitor: Visitor, store: MemoryStore
) -> None:
    """The row says what is wanted, the recording lies below the attempt's prefix, and people read who asked."""
    payload = await start(visitor, store, signals=["inputs.*", "action", "action"])
    recording = payload["recording"]
    row = zoo.read(store, "ins_a")
    wanted = {"id": recording["id"], "signals": ["inputs.*", "action"], "authorId": None, "attempt": 1}
    assert lifecycle.wanted(row)["recording"] == wanted
    assert (recording["phase"], recording["kind"], recording["firstStep"]) == ("OPEN", "ASKED", 3)
    assert recording["access"] is None
    document = cast(Document, store.get(Ref(Collections.RECORDINGS, recording["id"])))
    assert document["prefix"] == f"runs/ins_a/1/recordings/{recording['id']}/"
    (event,) = store.query(queries.EVENTS.bind(resource_id="ins_a"), queries.Page(5)).documents
    assert (event["kind"], event["message"]) == ("RECORDING", f"asked to record, as {recording['id']}")
    shown = await visitor.data('{instance(id:"ins_a"){recording{id}}}')
    assert shown["instance"]["recording"] == {"id": recording["id"]}


async def test_a_row_that_is_shown_again_does_not_forget_its_recording(visitor: Visitor, store: MemoryStore) -> None:
    """What a runner says meanwhile is laid over what was loaded around the row, and must not hide it."""
    await start(visitor, store)
    shown = projection.instance(cast(Document, zoo.read(store, "ins_a")), Principal.operator())
    assert shown is not None
    assert not {"recording", "annotations", "model", "latestCheckpoint"} & shown.keys()


async def test_same_command_starts_one_recording(visitor: Visitor, store: MemoryStore) -> None:
    """Whoever did not hear the answer asks again and gets the same."""
    first = await start(visitor, store, commandId="c1")
    again = await start(visitor, store, commandId="c1")
    assert again["recording"]["id"] == first["recording"]["id"]
    assert zoo.read(store, "ins_a")["generation"] == 2


async def test_one_recording_at_a_time(visitor: Visitor, store: MemoryStore) -> None:
    """The second is refused with the name of the first."""
    first = await start(visitor, store)
    error = await refusal(visitor, START, instanceId="ins_a")
    assert error["code"] == "INVALID_TRANSITION"
    assert first["recording"]["id"] in error["message"]


async def test_pattern_that_names_nothing_is_refused_with_what_is_near(visitor: Visitor) -> None:
    """A recording without what somebody meant is found out too late."""
    error = await refusal(visitor, START, instanceId="ins_a", signals=["action", "input.observation"])
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "signals", "1"])
    assert "inputs.observation" in error["message"]


@pytest.mark.parametrize("signals", [[], [" "], ["a" * 300], [f"a{n}" for n in range(65)], ["a\nb"]])
async def test_odd_patterns_are_refused(visitor: Visitor, signals: list[str]) -> None:
    """Whatever cannot name a signal, and more than anybody writes."""
    assert (await refusal(visitor, START, instanceId="ins_a", signals=signals))["code"] == "INVALID_INPUT"


async def test_what_has_ended_or_is_a_world_is_not_recorded(
    visitor: Visitor, store: MemoryStore, clock: FakeClock
) -> None:
    """Neither at once nor after the fact."""
    ended = lifecycle.lose(zoo.read(store, "ins_a"), clock.now(), "gone")
    zoo.put(store, Collections.INSTANCES, cast(Document, ended))
    assert (await refusal(visitor, START, instanceId="ins_a"))["code"] == "INVALID_TRANSITION"
    assert (await refusal(visitor, LAST, instanceId="ins_a", seconds=3))["code"] == "INVALID_TRANSITION"
    assert (await refusal(visitor, START, instanceId="env_a"))["code"] == "NOT_FOUND"


async def test_stop_answers_with_what_became_of_it(visitor: Visitor, store: MemoryStore) -> None:
    """The runner is asked to end it; the answer is the whole recording and how to read it."""
    rec = (await start(visitor, store))["recording"]["id"]
    asking = asyncio.create_task(visitor.data(STOP, i={"recordingId": rec}))
    await until_row(store, lambda row: True if row["desired"].get("recording") is None else None)
    change(store, rec, phase="SEALED", lastStep=9, sizeBytes=100)
    recording = (await asking)["recordingStop"]["recording"]
    assert (recording["phase"], recording["lastStep"]) == ("SEALED", 9)
    assert recording["access"]["baseUrl"] == f"memory://runs/ins_a/1/recordings/{rec}/"
    assert recording["access"]["headers"] == {"Authorization": "Share 3600"}
    again = (await visitor.data(STOP, i={"recordingId": rec}))["recordingStop"]
    assert (again["recording"]["phase"], again["userErrors"]) == ("SEALED", [])
    assert (await visitor.data('{instance(id:"ins_a"){recording{id}}}'))["instance"]["recording"] is None


async def test_another_attempt_is_not_recorded(visitor: Visitor, store: MemoryStore, clock: FakeClock) -> None:
    """A recording ends with its attempt: what follows is neither told to record, nor shown as recorded."""
    await start(visitor, store)
    follows = lifecycle.relaunch(zoo.read(store, "ins_a"), clock.now(), timeline=True)
    zoo.put(store, Collections.INSTANCES, cast(Document, follows))
    assert lifecycle.wanted(follows)["recording"] is None
    assert (await visitor.data('{instance(id:"ins_a"){recording{id}}}'))["instance"]["recording"] is None


async def test_last_seconds_that_nobody_remembers_leave_no_recording(visitor: Visitor, store: MemoryStore) -> None:
    """Whoever asked is told why, and no empty recording is left in the list."""
    asking = asyncio.create_task(visitor.data(LAST, i={"instanceId": "ins_a", "seconds": 5}))
    rec = await asked(store, lifecycle.wanted_last)
    change(store, rec, phase="LOST", failure={"code": "INVALID_TRANSITION", "message": "nothing is remembered"})
    (error,) = (await asking)["recordingSaveLast"]["userErrors"]
    assert (error["code"], error["message"]) == ("INVALID_TRANSITION", "nothing is remembered")
    assert (await visitor.data("{recordings{nodes{id}}}"))["recordings"]["nodes"] == []


@pytest.mark.parametrize("seconds", [0, -1, 601])
async def test_odd_seconds_are_refused(visitor: Visitor, seconds: float) -> None:
    """Nothing, and more than is ever remembered."""
    error = await refusal(visitor, LAST, instanceId="ins_a", seconds=seconds)
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "seconds"])


# --- what there is ---------------------------------------------------------------------------------------------------


async def test_recordings_come_newest_first_for_all_and_by_instance(
    visitor: Visitor, store: MemoryStore, clock: FakeClock
) -> None:
    """Also those of an instance that is gone; each by its id as well."""
    ids = []
    for _ in range(2):
        rec = (await start(visitor, store))["recording"]["id"]
        change(store, rec, phase="SEALED")
        row = lifecycle.stop_recording(zoo.read(store, "ins_a"), rec)
        zoo.put(store, Collections.INSTANCES, cast(Document, row))
        clock.advance(1)
        ids.append(rec)
    change(store, ids[0], instanceId="ins_gone")
    listed = await visitor.data("{recordings{nodes{id} totalCount}}")
    assert [node["id"] for node in listed["recordings"]["nodes"]] == ids[::-1]
    assert listed["recordings"]["totalCount"] == 2
    of_one = await visitor.data('{recordings(instanceId:"ins_gone"){nodes{id}}}')
    assert of_one["recordings"]["nodes"] == [{"id": ids[0]}]
    shown = await visitor.data(f'{{recording(id:"{ids[1]}"){{phase}} node(id:"{ids[1]}"){{id}}}}')
    assert shown == {"recording": {"phase": "SEALED"}, "node": {"id": ids[1]}}


async def test_who_may_observe_nothing_sees_no_recording(api: Api, visitor: Visitor, store: MemoryStore) -> None:
    """Neither in lists nor by id, nor a way to its bytes; it is as if it were not there."""
    rec = (await start(visitor, store))["recording"]["id"]
    change(store, rec, phase="SEALED")
    stranger = Visitor(api, Principal.nobody())
    seen = await stranger.data(f'{{recordings{{nodes{{id}}}} recording(id:"{rec}"){{access{{baseUrl}}}}}}')
    assert seen == {"recordings": {"nodes": []}, "recording": None}
    for mutation in (STOP, DELETE):
        assert (await refusal(stranger, mutation, recordingId=rec))["code"] == "NOT_FOUND"


# --- taken away ------------------------------------------------------------------------------------------------------


async def test_delete_takes_objects_segments_and_its_own_checkpoint(
    visitor: Visitor, store: MemoryStore, bucket: MemoryBucket, clock: FakeClock
) -> None:
    """Nothing of it is left, and nothing of others is gone."""
    rec = (await start(visitor, store))["recording"]["id"]
    mine = checkpoints.add(store, bucket, clock.now(), "ins_a", "mine", 3, kind="RECORDING")
    change(store, rec, checkpointId=mine["id"])
    prefix = f"runs/ins_a/1/recordings/{rec}/"
    for name in ("manifest.json", "0.mcap", "0.1.mcap"):
        bucket.put(prefix + name, b"x")
    bucket.put("runs/ins_a/1/recordings/other/0.mcap", b"x")
    zoo.put(store, Collections.SEGMENTS, {"id": "seg_1", "recordingId": rec, "order": 1})
    assert (await refusal(visitor, DELETE, recordingId=rec))["code"] == "INVALID_TRANSITION"
    change(store, rec, phase="SEALED")
    deleted = (await visitor.data(DELETE, i={"recordingId": rec}))["recordingDelete"]
    assert deleted == {"deletedId": rec, "userErrors": []}
    assert [info.name for info in bucket.list("runs/ins_a/1/recordings/")] == ["runs/ins_a/1/recordings/other/0.mcap"]
    gone = [
        Ref(Collections.RECORDINGS, rec),
        Ref(Collections.SEGMENTS, "seg_1"),
        Ref(Collections.CHECKPOINTS, mine["id"]),
    ]
    assert store.get_many(gone) == [None, None, None]


async def test_checkpoint_that_something_started_from_stays(
    visitor: Visitor, store: MemoryStore, bucket: MemoryBucket, clock: FakeClock
) -> None:
    """It has become more than the beginning of a recording."""
    rec = (await start(visitor, store))["recording"]["id"]
    used = checkpoints.add(store, bucket, clock.now(), "ins_a", "used", 3, kind="RECORDING", starts=1)
    change(store, rec, checkpointId=used["id"], phase="SEALED")
    await visitor.data(DELETE, i={"recordingId": rec})
    assert store.get(Ref(Collections.CHECKPOINTS, used["id"])) is not None


# --- notes -----------------------------------------------------------------------------------------------------------


async def test_notes_stand_at_their_steps_until_they_are_deleted(visitor: Visitor) -> None:
    """In the order of the steps, on the timeline that the instance is on."""
    for step, end in ((9, None), (3, 5)):
        given = {"instanceId": "ins_a", "step": step, "endStep": end, "text": f"look at {step} "}
        assert (await visitor.data(NOTE, i=given))["annotationCreate"]["userErrors"] == []
    query = '{instance(id:"ins_a"){annotations{id step endStep timeline text}}}'
    notes = (await visitor.data(query))["instance"]["annotations"]
    assert [(note["step"], note["endStep"], note["text"]) for note in notes] == [
        (3, 5, "look at 3"),
        (9, None, "look at 9"),
    ]
    assert {note["timeline"] for note in notes} == {1}
    await visitor.data(UNNOTE, i={"annotationId": notes[0]["id"]})
    assert [note["step"] for note in (await visitor.data(query))["instance"]["annotations"]] == [9]
    assert (await refusal(visitor, UNNOTE, annotationId=notes[0]["id"]))["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"step": -1}, "step"),
        ({"step": 1.5}, "step"),
        ({"step": 5, "endStep": 4}, "endStep"),
        ({"step": 5, "text": "  "}, "text"),
        ({"step": 5, "text": "a" * 2_001}, "text"),
        ({"step": 5, "timeline": 2}, "timeline"),
    ],
)
async def test_notes_that_cannot_be_are_refused(visitor: Visitor, given: dict[str, Any], path: str) -> None:
    """The answer names what is wrong."""
    error = await refusal(visitor, NOTE, **{"instanceId": "ins_a", "text": "a", **given})
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", path])
