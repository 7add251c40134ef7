"""Checkpoints through the API: listed, saved, started from, restored, taken away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.checkpoints import Repository
from ainimal_zookeeper.domain import lifecycle, queries
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import CheckpointDoc, Collections, Document, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.domain.errors import Conflict
from graphql_api.api import Api
from graphql_api.link import LinkSettings

from tests.fakes import checkpoints, zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.queue import FakeQueue
from tests.fakes.runner import FakeRunner
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

SAVE = """mutation($i:CheckpointSaveInput!){checkpointSave(input:$i){
  checkpoint{id tag step kind kept parents instanceId modelId viewerCan} userErrors{code message path}}}"""
RESTORE = """mutation($i:CheckpointRestoreInput!){checkpointRestore(input:$i){
  instance{id phase attempt timeline latestCheckpoint{tag step}} userErrors{code message path}}}"""
DELETE = "mutation($id:ID!){checkpointDelete(input:{checkpointId:$id}){deletedId userErrors{code message}}}"
LAUNCH = """mutation($i:InstanceLaunchInput!){instanceLaunch(input:$i){
  instance{id parameters latestCheckpoint{id}} userErrors{code message path}}}"""
PARAMETER = {
    "name": "learning_rate", "type": "float", "defaultJson": "0.1", "description": None, "display": None,
    "minimum": 0.0, "maximum": 1.0, "choicesJson": None, "required": False,
}  # fmt: skip

Made = Callable[..., CheckpointDoc]


@pytest.fixture(autouse=True)
def running(store: MemoryStore, clock: FakeClock) -> None:
    """There is one instance, and it runs."""
    asked = zoo.instance(clock.now(), "ins_a")
    claimed = lifecycle.claim(asked, 1, clock.now())
    zoo.add(store, lifecycle.report(claimed, 1, {"phase": "RUNNING"}, clock.now()))


@pytest.fixture
def made(store: MemoryStore, bucket: MemoryBucket, clock: FakeClock) -> Made:
    """Makes a checkpoint of it."""
    return lambda tag, step=7, **changes: checkpoints.add(
        store, bucket, clock.advance(1), "ins_a", tag, step, **changes
    )


def events(store: MemoryStore, id: str = "ins_a") -> list[str]:
    found = store.query(queries.EVENTS.bind(resource_id=id), queries.Page(100)).documents
    return [event["kind"] for event in reversed(found)]


def write(store: MemoryStore, change: Callable[[InstanceDoc], InstanceDoc]) -> None:
    row = zoo.read(store, "ins_a")
    zoo.put(store, Collections.INSTANCES, cast(Document, change(row)))


async def until_row(store: MemoryStore, find: Callable[[InstanceDoc], Any]) -> Any:
    """Returns what `find` finds in the row, as soon as that is not None."""
    loop, there = asyncio.get_running_loop(), asyncio.Event()
    watch = store.watch(instance_ref("ins_a"), lambda _: loop.call_soon_threadsafe(there.set))
    try:
        async with asyncio.timeout(10):
            while (found := find(zoo.read(store, "ins_a"))) is None:
                await there.wait()
                there.clear()
    finally:
        watch.close()
    return found


async def asked(store: MemoryStore) -> str:
    """Returns the id of the request to save, as soon as there is one that waits."""
    return str((await until_row(store, lifecycle.pending_save))["id"])


def answer(store: MemoryStore, save_id: str, checkpoint_id: str | None = None, **failure: str) -> None:
    said: Any = {"id": save_id, "checkpointId": checkpoint_id, "failure": failure or None}
    write(store, lambda row: lifecycle.saved(row, said))


async def save(visitor: Visitor, **input: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await visitor.data(SAVE, i={"instanceId": "ins_a", **input}))["checkpointSave"]
    return payload


async def restore(visitor: Visitor, id: str, **input: Any) -> dict[str, Any]:
    given = {"instanceId": "ins_a", "checkpointId": id, **input}
    payload: dict[str, Any] = (await visitor.data(RESTORE, i=given))["checkpointRestore"]
    return payload


async def launch(visitor: Visitor, id: str, **input: Any) -> dict[str, Any]:
    given = {"modelId": "mod_learner", "checkpointId": id, **input}
    payload: dict[str, Any] = (await visitor.data(LAUNCH, i=given))["instanceLaunch"]
    return payload


# --- what there is ---------------------------------------------------------------------------------------------------


async def test_a_models_checkpoints_come_newest_first_page_by_page(visitor: Visitor, made: Made) -> None:
    """The same through the model, the instance and by id."""
    ids = [made(f"tag-{step}", step)["id"] for step in (1, 2, 3)]
    page = "{nodes{id tag step parameters} pageInfo{hasNextPage endCursor} totalCount}"
    query = f'query($after:String){{model(id:"mod_learner"){{checkpoints(first:2,after:$after){page}}}}}'
    first = (await visitor.data(query))["model"]["checkpoints"]
    assert [node["id"] for node in first["nodes"]] == [ids[2], ids[1]]
    assert (first["pageInfo"]["hasNextPage"], first["totalCount"]) == (True, 3)
    assert first["nodes"][0]["parameters"] == {"learning_rate": 0.5}
    rest = (await visitor.data(query, after=first["pageInfo"]["endCursor"]))["model"]["checkpoints"]
    assert [node["tag"] for node in rest["nodes"]] == ["tag-1"]
    of_instance = await visitor.data(f'{{instance(id:"ins_a"){{checkpoints{page}}}}}')
    assert [node["step"] for node in of_instance["instance"]["checkpoints"]["nodes"]] == [3, 2, 1]
    node = await visitor.data(f'{{node(id:"{ids[0]}"){{id ... on Checkpoint{{tag commit}}}}}}')
    assert node["node"]["tag"] == "tag-1"
    assert f"chk_{node['node']['commit']}" == ids[0]


async def test_an_instance_tells_what_it_would_go_on_from(visitor: Visitor, store: MemoryStore, made: Made) -> None:
    """In lists as well; without a checkpoint, or with one of an older version, it is null."""
    query = "{instances{nodes{latestCheckpoint{tag}}}}"
    assert (await visitor.data(query))["instances"]["nodes"] == [{"latestCheckpoint": None}]
    point = checkpoints.point_of(made("mine"))
    write(store, lambda row: lifecycle.report(row, 1, {"checkpoint": {**point, "object": "runs/ins_a/1/a"}}, START))
    assert (await visitor.data(query))["instances"]["nodes"] == [{"latestCheckpoint": {"tag": "mine"}}]
    older = {key: value for key, value in point.items() if key != "checkpointId"} | {"object": "runs/ins_a/1/a"}
    write(store, lambda row: lifecycle.report(row, 1, {"checkpoint": older}, START))  # type: ignore[typeddict-item]
    assert (await visitor.data(query))["instances"]["nodes"] == [{"latestCheckpoint": None}]


async def test_a_stream_tells_of_a_new_checkpoint(visitor: Visitor, store: MemoryStore, made: Made) -> None:
    """What the page shows follows the row."""
    query = 'subscription{live(input:{instanceIds:["ins_a"]}){instances{latestCheckpoint{tag}}}}'
    async with visitor.watch(query) as tab:
        assert (await tab.live())["instances"] == [{"latestCheckpoint": None}]
        point = checkpoints.point_of(made("mine"))
        write(store, lambda row: lifecycle.report(row, 1, {"checkpoint": {**point, "object": "runs/ins_a/1/a"}}, START))
        assert (await tab.live())["instances"] == [{"latestCheckpoint": {"tag": "mine"}}]


START = FakeClock().now()


async def test_nobody_sees_no_checkpoint(api: Api, made: Made) -> None:
    """Who may not observe the instance is told nothing of its states, and can take none away."""
    nobody, checkpoint = Visitor(api, Principal.nobody()), made("mine")
    assert (await nobody.data(f'{{node(id:"{checkpoint["id"]}"){{id}}}}'))["node"] is None
    (error,) = (await nobody.data(DELETE, id=checkpoint["id"]))["checkpointDelete"]["userErrors"]
    assert error["code"] == "NOT_FOUND"


# --- saving ----------------------------------------------------------------------------------------------------------


async def test_a_save_is_answered_with_its_checkpoint(
    visitor: Visitor, store: MemoryStore, made: Made, runner: FakeRunner
) -> None:
    """The runner is told at once over its live link, and whoever asked waits until it is whole."""
    saving = asyncio.create_task(save(visitor, tag="mine"))
    save_id = await asked(store)
    await runner.until(lambda: any(said["desired"]["save"] for said in runner.asked("desired")))
    assert runner.asked("desired")[-1]["desired"]["save"] == {"id": save_id, "tag": "mine", "authorId": None}
    assert not saving.done()
    answer(store, save_id, made("mine")["id"])
    payload = await saving
    assert payload["userErrors"] == []
    assert (payload["checkpoint"]["tag"], payload["checkpoint"]["kind"]) == ("mine", "ASKED")
    assert payload["checkpoint"]["viewerCan"] == ["SEE", "OBSERVE", "CONTROL", "DELETE"]


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("ALREADY_EXISTS", "ALREADY_EXISTS"),
        ("AINIMAL_FAULT", "AINIMAL_FAULT"),
        ("INVALID_TRANSITION", "INVALID_TRANSITION"),
        ("DATA_CORRUPT", "DATA_CORRUPT"),
        ("WHATEVER", "UNAVAILABLE"),
    ],
)
async def test_a_save_that_fails_is_answered_with_why(
    visitor: Visitor, store: MemoryStore, code: str, shown: str
) -> None:
    """In the words of whoever could not do it."""
    saving = asyncio.create_task(save(visitor))
    answer(store, await asked(store), code=code, message="save raised: no")
    (error,) = (await saving)["userErrors"]
    assert (error["code"], error["message"]) == (shown, "save raised: no")


async def test_a_save_that_takes_long_goes_on_and_can_be_waited_for_again(
    visitor: Visitor, store: MemoryStore, made: Made
) -> None:
    """The same command waits for the same save, also once it is done, and after the next one."""
    (error,) = (await save(visitor, commandId="one"))["userErrors"]
    assert error["code"] == "UNAVAILABLE"
    assert "it goes on" in error["message"]
    save_id = await asked(store)
    checkpoint = made("mine", saveId=save_id)
    answer(store, save_id, checkpoint["id"])
    for _ in range(2):
        assert (await save(visitor, commandId="one"))["checkpoint"]["id"] == checkpoint["id"]
    saving = asyncio.create_task(save(visitor, commandId="two"))
    answer(store, await asked(store), code="AINIMAL_FAULT", message="no")
    await saving
    assert (await save(visitor, commandId="one"))["checkpoint"]["id"] == checkpoint["id"]
    assert events(store) == ["CHECKPOINT", "CHECKPOINT"]


async def test_who_waits_is_not_misled_by_what_others_have_seen(
    visitor: Visitor, store: MemoryStore, made: Made
) -> None:
    """A page that follows the instance may know less than whoever asks: changes reach a watch later."""
    whole = store.watch

    def late(target: Any, listener: Any) -> Any:
        told = threading.Event()

        def tell(state: list[Document]) -> None:
            if told.is_set():
                threading.Timer(0.1, listener, [state]).start()
            else:
                told.set()
                listener(state)

        return whole(target, tell)

    store.watch = late  # type: ignore[method-assign]
    async with visitor.watch('subscription{live(input:{instanceIds:["ins_a"]}){instances{id}}}') as tab:
        await tab.live()
        for name in ("one", "two"):
            saving = asyncio.create_task(save(visitor))
            save_id = await asked(store)
            answer(store, save_id, made(name)["id"])
            assert (await saving)["checkpoint"]["tag"] == name


async def test_another_save_waits_its_turn(visitor: Visitor, store: MemoryStore, made: Made) -> None:
    """While one is being saved the next is refused, and says so."""
    saving = asyncio.create_task(save(visitor))
    save_id = await asked(store)
    (error,) = (await save(visitor))["userErrors"]
    assert (error["code"], "is being saved; wait" in error["message"]) == ("INVALID_TRANSITION", True)
    answer(store, save_id, made("mine")["id"])
    assert (await saving)["userErrors"] == []


async def test_who_waits_is_told_when_the_instance_ends(visitor: Visitor, store: MemoryStore, clock: FakeClock) -> None:
    """It is never saved then; and when it is lost and starts again, it was not saved either."""
    saving = asyncio.create_task(save(visitor))
    await asked(store)
    write(store, lambda row: lifecycle.lose(row, clock.now(), "gone"))
    (error,) = (await saving)["userErrors"]
    assert (error["code"], "ended before it was saved" in error["message"]) == ("INVALID_TRANSITION", True)


@pytest.mark.parametrize("tag", ["a b", "", "a/b", "-x", "x" * 300, "HEAD", "a..b", "\ud800"])
async def test_what_can_be_no_tag_is_refused_before_anything_is_asked(
    visitor: Visitor, store: MemoryStore, tag: str
) -> None:
    """The runner saves nothing that could not be kept."""
    answered = await visitor.ask(SAVE, i={"instanceId": "ins_a", "tag": tag})
    if "errors" not in answered:
        (error,) = answered["data"]["checkpointSave"]["userErrors"]
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "tag"])
    assert lifecycle.pending_save(zoo.read(store, "ins_a")) is None


async def test_a_departing_process_sends_those_who_wait_away(store: MemoryStore, clock: FakeClock) -> None:
    """They ask another one, with the same commandId."""
    api = Api(
        store=store,
        queue=FakeQueue(),
        dialer=LoopbackDialer(),
        bucket=MemoryBucket,
        clock=clock,
        ids=SequentialIds(),
        secret=zoo.SECRET,
        links=LinkSettings(leave_s=0.05),
    )
    saving = asyncio.create_task(save(Visitor(api), commandId="one"))
    await asked(store)
    api.depart()
    (error,) = (await saving)["userErrors"]
    assert (error["code"], "this process leaves" in error["message"]) == ("UNAVAILABLE", True)
    await api.close()


# --- starting from one -----------------------------------------------------------------------------------------------


async def test_a_launch_starts_from_a_checkpoint(visitor: Visitor, store: MemoryStore, made: Made) -> None:
    """Its state, and each parameter that is not given; and the checkpoint is kept from then on."""
    parameters = [PARAMETER, {**PARAMETER, "name": "discount"}]
    zoo.put(store, Collections.MODELS, {**zoo.model(class_name="Learner"), "parameters": parameters})
    checkpoint = made("mine", kept=False, parametersJson='{"learning_rate": 0.5, "discount": 0.75, "gone": 1}')
    launched = (await launch(visitor, checkpoint["id"]))["instance"]
    assert launched["parameters"] == {"learning_rate": 0.5, "discount": 0.75}
    assert launched["latestCheckpoint"]["id"] == checkpoint["id"]
    row = zoo.read(store, launched["id"])
    assert row["startPoint"] == row["status"]["checkpoint"] == checkpoints.point_of(checkpoint)
    after = store.get(Ref(Collections.CHECKPOINTS, checkpoint["id"]))
    assert after is not None
    assert (after["kept"], after["starts"]) == (True, 1)
    other = (await launch(visitor, checkpoint["id"], parameters={"learning_rate": 0.25}))["instance"]
    assert other["parameters"] == {"learning_rate": 0.25, "discount": 0.75}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"modelId": "mod_other", "modelName": "other"}, "is of the model other, not of learner"),
        ({"code": "Walker in /zoo/walker.py"}, "is of Walker in /zoo/walker.py, and the model learner is Learner in"),
    ],
)
async def test_a_checkpoint_of_something_else_says_what_differs(
    visitor: Visitor, store: MemoryStore, made: Made, wrong: dict[str, Any], said: str
) -> None:
    """For a launch and a restore alike, and nothing is changed."""
    checkpoint, before = made("mine", **wrong), zoo.read(store, "ins_a")
    for payload in (await launch(visitor, checkpoint["id"]), await restore(visitor, checkpoint["id"])):
        (error,) = payload["userErrors"]
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "checkpointId"])
        assert said in error["message"]
    assert zoo.read(store, "ins_a") == before
    assert store.query(queries.INSTANCES.bind(), queries.Page()).documents == (before,)


async def test_another_revision_may_start_and_is_told(visitor: Visitor, store: MemoryStore, made: Made) -> None:
    """People develop their models; what that does to an old state they see themselves."""
    checkpoint = made("mine", modelRevision="r0")
    launched = (await launch(visitor, checkpoint["id"]))["instance"]
    assert events(store, launched["id"]) == ["LAUNCHED", "WARNING"]
    assert (await restore(visitor, checkpoint["id"]))["userErrors"] == []
    assert events(store) == ["RESTORED", "WARNING"]


async def test_a_restore_is_the_next_attempt_on_a_new_timeline(
    visitor: Visitor, store: MemoryStore, queue: FakeQueue, made: Made, clock: FakeClock
) -> None:
    """The launcher is told, the runner before has no say any more, and what was asked for still holds."""
    checkpoint = made("mine", 3)
    payload = await restore(visitor, checkpoint["id"], expectedGeneration=1)
    assert payload["instance"] == {
        "id": "ins_a",
        "phase": "PENDING",
        "attempt": 2,
        "timeline": 2,
        "latestCheckpoint": {"tag": "mine", "step": 3.0},
    }
    message = {"kind": "instance", "instanceId": "ins_a", "attempt": 2, "commandId": None}
    assert queue.published[-1] == ("launches", message)
    with pytest.raises(Conflict, match="attempt 1 has no say"):
        lifecycle.report(zoo.read(store, "ins_a"), 1, {}, clock.now())


async def test_a_restore_that_cannot_be_is_refused(visitor: Visitor, store: MemoryStore, made: Made) -> None:
    """Unknown, outdated, or of an instance that has ended."""
    checkpoint = made("mine")
    for checkpoint_id, given, code in (
        ("chk_" + "0" * 40, {}, "NOT_FOUND"),
        (checkpoint["id"], {"expectedGeneration": 9}, "CONFLICT"),
        (checkpoint["id"], {"instanceId": "ins_9"}, "NOT_FOUND"),
        (checkpoint["id"], {"instanceId": "env_9"}, "NOT_FOUND"),
    ):
        assert (await restore(visitor, checkpoint_id, **given))["userErrors"][0]["code"] == code
    write(store, lambda row: lifecycle.finish(row, START))
    (error,) = (await restore(visitor, checkpoint["id"]))["userErrors"]
    assert (error["code"], "it has ended, launch a new one" in error["message"]) == ("INVALID_TRANSITION", True)


# --- going back in the process that runs ---------------------------------------------------------------------------


@pytest.fixture
def able(store: MemoryStore, clock: FakeClock) -> None:
    """Its process can go back to a checkpoint."""
    write(store, lambda row: lifecycle.report(row, 1, {"restorable": True}, clock.now()))


async def sent_back(store: MemoryStore) -> str:
    """Returns the id of the request to restore, as soon as there is one that waits."""
    found = await until_row(store, lifecycle.pending_restore)
    return str(found["id"])


def answer_restore(store: MemoryStore, restore_id: str, timeline: int | None, **failure: str) -> None:
    said: Any = {"id": restore_id, "timeline": timeline, "failure": failure or None}
    write(store, lambda row: lifecycle.restored(row, 1, said))


@pytest.mark.usefixtures("able")
async def test_a_restore_of_what_runs_is_answered_once_it_has_gone_back(
    visitor: Visitor, store: MemoryStore, queue: FakeQueue, made: Made, runner: FakeRunner
) -> None:
    """No other attempt is made; its runner is told at once over its live link, without an address of the bytes."""
    checkpoint = made("mine", 3)
    restoring = asyncio.create_task(restore(visitor, checkpoint["id"], expectedGeneration=1))
    restore_id = await sent_back(store)
    await runner.until(lambda: any(said["desired"]["restore"] for said in runner.asked("desired")))
    told = runner.asked("desired")[-1]["desired"]["restore"]
    assert (told["id"], told["point"]) == (restore_id, checkpoints.point_of(checkpoint))
    assert not restoring.done()
    answer_restore(store, restore_id, 2)
    payload = await restoring
    assert payload["userErrors"] == []
    assert payload["instance"] == {
        "id": "ins_a",
        "phase": "RUNNING",
        "attempt": 1,
        "timeline": 2,
        "latestCheckpoint": {"tag": "mine", "step": 3.0},
    }
    assert queue.published == []
    assert events(store) == ["CHECKPOINT"]


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize("code", ["DATA_CORRUPT", "AINIMAL_FAULT"])
async def test_a_restore_that_fails_is_answered_with_why(
    visitor: Visitor, store: MemoryStore, made: Made, code: str
) -> None:
    """It goes on where it was."""
    restoring = asyncio.create_task(restore(visitor, made("mine")["id"]))
    answer_restore(store, await sent_back(store), None, code=code, message="it is damaged")
    (error,) = (await restoring)["userErrors"]
    assert (error["code"], error["message"]) == (code, "it is damaged")
    row = zoo.read(store, "ins_a")
    assert (row["attempt"], row["timeline"], row["status"]["checkpoint"]) == (1, 1, None)


@pytest.mark.usefixtures("able")
async def test_a_restore_that_takes_long_goes_on(visitor: Visitor, store: MemoryStore, made: Made) -> None:
    """Meanwhile nothing else is saved or put back, and the checkpoint cannot be taken away; then it can."""
    checkpoint = made("mine")
    (error,) = (await restore(visitor, checkpoint["id"]))["userErrors"]
    assert (error["code"], "it goes on" in error["message"]) == ("UNAVAILABLE", True)
    for refused in (await save(visitor), await restore(visitor, checkpoint["id"])):
        (error,) = refused["userErrors"]
        assert (error["code"], "goes back to a checkpoint" in error["message"]) == ("INVALID_TRANSITION", True)
    (error,) = (await visitor.data(DELETE, id=checkpoint["id"]))["checkpointDelete"]["userErrors"]
    assert (error["code"], "goes back to the checkpoint mine" in error["message"]) == ("INVALID_TRANSITION", True)
    answer_restore(store, await sent_back(store), None, code="DATA_CORRUPT", message="no")
    assert (await visitor.data(DELETE, id=checkpoint["id"]))["checkpointDelete"]["userErrors"] == []


@pytest.mark.usefixtures("able")
async def test_who_waits_for_a_restore_is_told_when_the_instance_ends_or_starts_again(
    visitor: Visitor, store: MemoryStore, made: Made, clock: FakeClock
) -> None:
    """The next attempt starts from what was asked for, and that is the answer."""
    checkpoint = made("mine")
    restoring = asyncio.create_task(restore(visitor, checkpoint["id"]))
    await sent_back(store)
    write(store, lambda row: lifecycle.recover(row, clock.now(), "gone"))
    payload = await restoring
    assert payload["userErrors"] == []
    assert (payload["instance"]["attempt"], payload["instance"]["timeline"]) == (2, 2)
    claimed = {"phase": "RUNNING", "restorable": True}
    write(store, lambda row: lifecycle.claim(row, 2, clock.now()))
    write(store, lambda row: lifecycle.report(row, 2, claimed, clock.now()))  # type: ignore[arg-type]
    restoring = asyncio.create_task(restore(visitor, checkpoint["id"]))
    await sent_back(store)
    write(store, lambda row: lifecycle.lose(row, clock.now(), "gone"))
    (error,) = (await restoring)["userErrors"]
    assert (error["code"], "ended before it was restored" in error["message"]) == ("INVALID_TRANSITION", True)


# --- taking away -----------------------------------------------------------------------------------------------------


async def test_a_deleted_checkpoint_is_gone_with_tag_and_bytes(
    visitor: Visitor, store: MemoryStore, bucket: MemoryBucket, made: Made
) -> None:
    """The others stay; deleting it again finds nothing."""
    gone, stays = made("gone"), made("stays")
    payload = (await visitor.data(DELETE, id=gone["id"]))["checkpointDelete"]
    assert payload == {"deletedId": gone["id"], "userErrors": []}
    assert list(Repository(bucket, "mod_learner")) == ["stays"]
    assert bucket.info(gone["object"]) is None
    assert bucket.info(stays["object"]) is not None
    again = (await visitor.data(DELETE, id=gone["id"]))["checkpointDelete"]
    assert again["userErrors"][0]["code"] == "NOT_FOUND"
    assert store.query(queries.DISCARDED.bind(), queries.Page()).documents == ()
    assert events(store) == ["CHECKPOINT"]


async def test_what_an_instance_would_go_on_from_cannot_be_deleted(
    visitor: Visitor, store: MemoryStore, made: Made
) -> None:
    """Until it has ended, or goes on from another."""
    checkpoint = made("mine")
    await restore(visitor, checkpoint["id"])
    (error,) = (await visitor.data(DELETE, id=checkpoint["id"]))["checkpointDelete"]["userErrors"]
    assert (error["code"], "ins_a would go on from" in error["message"]) == ("INVALID_TRANSITION", True)
    write(store, lambda row: lifecycle.finish(row, START))
    assert (await visitor.data(DELETE, id=checkpoint["id"]))["checkpointDelete"]["userErrors"] == []


async def test_a_launch_that_comes_between_keeps_the_checkpoint(
    visitor: Visitor, store: MemoryStore, made: Made
) -> None:
    """Somebody starts from it just after nobody was found to; the deletion looks again, and is refused."""
    checkpoint = made("mine")
    whole, loop = store.query, asyncio.get_running_loop()

    def slow(query: Any, page: Any) -> Any:
        found = whole(query, page)
        if query.query is queries.INSTANCES_BY_CHECKPOINT and not found.documents:
            asyncio.run_coroutine_threadsafe(launch(visitor, checkpoint["id"]), loop).result(10)
        return found

    store.query = slow  # type: ignore[method-assign]
    (error,) = (await visitor.data(DELETE, id=checkpoint["id"]))["checkpointDelete"]["userErrors"]
    assert error["code"] == "INVALID_TRANSITION"
    assert store.get(Ref(Collections.CHECKPOINTS, checkpoint["id"])) is not None


@pytest.fixture
async def runner(store: MemoryStore) -> Any:
    async with FakeRunner(zoo.SECRET, "ins_a") as runner:
        row = zoo.read(store, "ins_a")
        row["status"]["liveAddress"] = runner.address
        store.transact(lambda transaction: transaction.put(instance_ref("ins_a"), cast(Document, row)))
        yield runner
