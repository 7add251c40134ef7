"""What becomes of the states that runners save, on every store and bucket.

A binding gives the fixtures `store` (furnished) and `bucket`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from ainimal_zookeeper.checkpoints import Repository
from ainimal_zookeeper.domain import lifecycle, queries
from ainimal_zookeeper.domain.documents import CheckpointPoint, Collections, Document, InstanceDoc, instance_ref
from ainimal_zookeeper.domain.errors import NotFound
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.store import DocumentStore

from tests.conformance.runner_link_suite import Runner, asking, events, specify
from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import FakeSecrets

FACTS = {"seeds": {"numpy": 7}, "libraries": {"numpy": "2.1"}}


class Keeper:
    """A runner that claims, runs, and saves."""

    def __init__(self, runner: Runner, store: DocumentStore, bucket: Bucket, clock: FakeClock) -> None:
        self.runner, self.store, self.bucket, self.clock = runner, store, bucket, clock

    async def start(self) -> None:
        assert (await self.runner.ask("claim")).status_code == 200
        assert (await self.runner.report({"phase": "RUNNING"})).status_code == 200

    def upload(self, name: str, content: bytes = b"state", step: int = 7) -> dict[str, Any]:
        """Returns a checkpoint whose bytes are there."""
        object_name = f"runs/{self.runner.id}/{self.runner.attempt}/checkpoints/{name}.zip"
        self.bucket.put(object_name, io.BytesIO(content), if_generation=0)
        facts = {"step": step, "episode": 1, "sizeBytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return {"object": object_name, **facts}

    def ask(self, save_id: str = "sav_1", tag: str | None = None) -> None:
        """Somebody asks for a checkpoint."""
        self.change(lambda row: lifecycle.save(row, {"id": save_id, "tag": tag, "authorId": "usr_eva"}))

    def change(self, change: Any) -> None:
        ref = instance_ref(self.runner.id)
        self.store.transact(lambda transaction: transaction.put(ref, dict(change(transaction.get(ref)))))

    async def saved(self, point: dict[str, Any], save_id: str | None = None, **more: Any) -> httpx.Response:
        self.clock.advance(1)
        save = {"id": save_id, "kind": "AUTOSAVE" if save_id is None else "ASKED", **FACTS}
        return await self.runner.report({"checkpoint": point, "save": save}, **more)

    def row(self) -> InstanceDoc:
        return zoo.read(self.store, self.runner.id)

    def answer(self) -> Any:
        return self.row()["status"]["save"]

    def documents(self) -> list[Document]:
        """Returns the checkpoints, the newest first."""
        query = queries.CHECKPOINTS_BY_INSTANCE.bind(instance_id=self.runner.id)
        return list(self.store.query(query, queries.Page(100)).documents)

    def repository(self) -> Repository:
        return Repository(self.bucket, "mod_learner")


class KeepingTests:
    """Bind it by a subclass, in a module with the fixtures `store` (furnished) and `bucket`."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    async def keeper(self, store: DocumentStore, bucket: Bucket, clock: FakeClock) -> AsyncIterator[Keeper]:
        async with asking(store, bucket, clock, FakeSecrets()) as client:
            keeper = Keeper(Runner(client), store, bucket, clock)
            await keeper.start()
            yield keeper

    async def test_what_was_asked_for_becomes_a_tag_and_a_document(self, keeper: Keeper) -> None:
        """The answer names the checkpoint, which is a commit under the tag that was asked for, and what it tells."""
        keeper.ask(tag="good-one")
        told = (await keeper.runner.ask("desired")).json()["desired"]["save"]
        assert told == {"id": "sav_1", "tag": "good-one", "authorId": "usr_eva"}
        point = keeper.upload("sav_1")
        answer = await keeper.saved(point, "sav_1")
        assert (answer.status_code, answer.json()["desired"]["save"]) == (200, None)

        (document,) = keeper.documents()
        assert keeper.answer() == {"id": "sav_1", "checkpointId": document["id"], "failure": None}
        assert keeper.row()["status"]["checkpoint"] == {**point, "checkpointId": document["id"]}
        kept = keeper.repository().verify("good-one")
        assert (kept.id, kept.commit) == (document["id"], document["commit"])
        assert (kept.author.id, document["authorId"], document["kept"]) == ("usr_eva", "usr_eva", True)
        assert (document["kind"], document["step"], document["saveId"]) == ("ASKED", 7, "sav_1")
        assert (kept.manifest.code.kind, kept.manifest.code.revision) == ("Learner", "r1")
        assert (kept.manifest.seeds, kept.manifest.libraries) == ({"launch": 7, "numpy": 7}, {"numpy": "2.1"})
        assert kept.manifest.parameters == {"learning_rate": 0.1}
        assert "CHECKPOINT" in events(keeper.store)

    async def test_each_grows_from_the_one_before(self, keeper: Keeper) -> None:
        """Also over attempts: the next one's first grew from what it started from."""
        await keeper.saved(keeper.upload("autosave-1", b"one", step=10))
        await keeper.saved(keeper.upload("autosave-2", b"two", step=20))
        second, first = keeper.documents()
        assert second["parents"] == [first["commit"]]
        keeper.change(lambda row: lifecycle.recover(row, keeper.clock.now(), "gone"))
        again = Keeper(keeper.runner.later(), keeper.store, keeper.bucket, keeper.clock)
        await again.start()
        await again.saved(again.upload("autosave-1", b"three", step=21))
        third = again.documents()[0]
        assert (third["parents"], third["timeline"], third["attempt"]) == ([second["commit"]], 2, 2)
        assert third["tag"] == "ins-1-2-21"

    async def test_a_lineage_begins_where_its_source_stood(self, keeper: Keeper) -> None:
        """The first grows from the commit that the attempt found; what waits for the source is noted on the way."""
        codes = [{"commit": digit * 40, "path": "learner.py", "modified": False, "atHand": True} for digit in "ab"]
        keeper.change(lambda row: {**row, "model": {**row["model"], "code": codes[0]}})
        zoo.put(keeper.store, Collections.MODELS, {**zoo.model(), "revision": "r2", "code": codes[1]})

        await keeper.saved(keeper.upload("autosave-1", b"one", step=10))
        await keeper.saved(keeper.upload("autosave-2", b"two", step=20))
        keeper.ask("sav_1", "mine")
        await keeper.saved(keeper.upload("sav_1", b"three", step=30), "sav_1")
        keeper.change(lambda row: lifecycle.recover(row, keeper.clock.now(), "gone"))
        again = Keeper(keeper.runner.later(), keeper.store, keeper.bucket, keeper.clock)
        await again.start()
        await again.saved(again.upload("autosave-1", b"four", step=31))

        fourth, third, second, first = again.documents()
        assert first["parents"] == ["a" * 40]
        assert [each.get("push") for each in (first, second, third, fourth)] == ["WAITING", None, "WAITING", None]
        told = [keeper.repository().read(each["id"]).manifest.code for each in (first, third, fourth)]
        assert [(code.commit, code.path, code.revision) for code in told] == [
            ("a" * 40, "learner.py", "r1"),
            ("a" * 40, "learner.py", "r1"),
            ("b" * 40, "learner.py", "r2"),
        ]

    async def test_nothing_waits_where_no_zoo_has_the_source(self, keeper: Keeper) -> None:
        """A catalogue that was staged elsewhere tells the commit, and nobody there could push."""
        code = {"commit": "a" * 40, "path": "learner.py", "modified": True, "atHand": False}
        keeper.change(lambda row: {**row, "model": {**row["model"], "code": code}})
        keeper.ask("sav_1", "mine")
        await keeper.saved(keeper.upload("sav_1"), "sav_1")
        (document,) = keeper.documents()
        assert (document["parents"], document.get("push")) == (["a" * 40], None)
        assert keeper.repository().read("mine").manifest.code.modified

    async def test_a_tag_that_exists_fails_the_request_and_nothing_else(self, keeper: Keeper) -> None:
        """Whoever asked learns it, the bytes are gone, and what the next attempt starts from stays."""
        keeper.ask("sav_1", "mine")
        await keeper.saved(keeper.upload("sav_1"), "sav_1")
        before = keeper.row()["status"]["checkpoint"]
        keeper.ask("sav_2", "mine")
        point = keeper.upload("sav_2", b"other")
        answer = await keeper.saved(point, "sav_2", events=[{"kind": "WARNING", "message": "x", "step": 1}])
        assert answer.status_code == 200
        assert keeper.answer()["failure"]["code"] == "ALREADY_EXISTS"
        assert keeper.answer()["checkpointId"] is None
        assert keeper.row()["status"]["checkpoint"] == before
        assert keeper.bucket.info(point["object"]) is None
        assert len(keeper.documents()) == 1

    async def test_two_states_of_one_step_have_two_tags(self, keeper: Keeper) -> None:
        """A paused instance may be saved twice."""
        for number in (1, 2, 3):
            keeper.ask(f"sav_{number}")
            await keeper.saved(keeper.upload(f"sav_{number}", f"{number}".encode()), f"sav_{number}")
        assert [each["tag"] for each in keeper.documents()] == ["ins-1-1-7-3", "ins-1-1-7-2", "ins-1-1-7"]
        assert [each["kept"] for each in keeper.documents()] == [False] * 3

    @pytest.mark.parametrize("wrong", [{"sizeBytes": 4}, {"object": "runs/ins_1/1/checkpoints/none.zip"}])
    async def test_bytes_that_are_not_there_are_no_checkpoint(self, keeper: Keeper, wrong: dict[str, Any]) -> None:
        """A runner cannot make others start from what it has not uploaded; the rest of its report counts."""
        keeper.ask(tag="never")
        point = {**keeper.upload("sav_1"), **wrong}
        answer = await keeper.saved(point, "sav_1")
        assert answer.status_code == 200
        assert keeper.answer()["failure"]["code"] in {"NOT_FOUND", "DATA_CORRUPT"}
        assert keeper.row()["status"]["checkpoint"] is None
        assert keeper.documents() == []
        with pytest.raises(NotFound):
            keeper.repository().read("never")

    async def test_a_save_that_failed_is_told_to_whoever_asked(self, keeper: Keeper) -> None:
        """With the runner's own words; it goes on, and may be asked again."""
        keeper.ask()
        said = {"id": "sav_1", "code": "AINIMAL_FAULT", "message": "save raised: disk is lava"}
        assert (await keeper.runner.report({"save": said})).status_code == 200
        failure = {"code": "AINIMAL_FAULT", "message": "save raised: disk is lava"}
        assert keeper.answer() == {"id": "sav_1", "checkpointId": None, "failure": failure}
        keeper.ask("sav_2")
        await keeper.saved(keeper.upload("sav_2"), "sav_2")
        assert keeper.answer()["checkpointId"] is not None

    async def test_a_report_that_comes_again_makes_no_second_checkpoint(self, keeper: Keeper) -> None:
        """The runner that lost the answer sends it again."""
        keeper.ask(tag="once")
        point = keeper.upload("sav_1")
        await keeper.saved(point, "sav_1")
        before = keeper.documents()
        keeper.runner.sequence -= 1
        assert (await keeper.saved(point, "sav_1")).status_code == 200
        assert keeper.documents() == before

    async def test_an_older_runner_leaves_a_departure(self, keeper: Keeper) -> None:
        """It says nothing of saves, and its last state is a checkpoint all the same."""
        await keeper.runner.report({"phase": "STOPPING", "checkpoint": keeper.upload("step-7")})
        (document,) = keeper.documents()
        assert (document["kind"], document["saveId"]) == ("DEPARTURE", None)
        assert keeper.row()["status"]["checkpoint"] is not None

    async def test_only_the_newest_of_those_that_nobody_asked_for_stay(self, keeper: Keeper) -> None:
        """With tag and bytes; what somebody asked for, or has started from, is not counted and stays."""
        specify(keeper.store, autosave={"steps": 1, "minutes": None, "keep": 2})
        keeper.ask(tag="mine")
        await keeper.saved(keeper.upload("sav_1", step=1), "sav_1")
        objects = []
        for number in range(2, 7):
            point = keeper.upload(f"autosave-{number}", f"{number}".encode(), step=number)
            objects.append(point["object"])
            assert (await keeper.saved(point)).status_code == 200
            if number == 2:
                started = keeper.documents()[0]
                zoo.put(keeper.store, Collections.CHECKPOINTS, {**started, "kept": True, "starts": 1})
        tags = ["ins-1-1-6", "ins-1-1-5", "ins-1-1-2", "mine"]
        assert [each["tag"] for each in keeper.documents()] == tags
        assert sorted(keeper.repository()) == sorted(tags)
        assert [keeper.bucket.info(name) is not None for name in objects] == [True, False, False, True, True]
        assert keeper.store.query(queries.DISCARDED.bind(), queries.Page()).documents == ()

    async def test_what_another_instance_would_go_on_from_stays(self, keeper: Keeper) -> None:
        """However old it is by then."""
        specify(keeper.store, autosave={"keep": 1})
        await keeper.saved(keeper.upload("autosave-1", b"1", step=1))
        point: CheckpointPoint | None = keeper.row()["status"]["checkpoint"]
        assert point is not None
        zoo.add(keeper.store, lifecycle.start_from(zoo.instance(keeper.clock.now(), "ins_2"), point))
        for number in (2, 3):
            await keeper.saved(keeper.upload(f"autosave-{number}", f"{number}".encode(), step=number))
        assert [each["step"] for each in keeper.documents()] == [3, 1]

    async def test_claims_say_when_to_save_by_itself(
        self, store: DocumentStore, bucket: Bucket, clock: FakeClock
    ) -> None:
        """As the model's specification has it; without one never."""
        async with asking(store, bucket, clock, FakeSecrets()) as client:
            launch = (await Runner(client).ask("claim", runner="one")).json()
            assert launch["autosave"] == {"steps": None, "minutes": None}
            specify(store, autosave={"steps": 500, "minutes": 2.5, "keep": 3})
            launch = (await Runner(client).ask("claim", runner="one")).json()
            assert launch["autosave"] == {"steps": 500, "minutes": 2.5}

    async def test_an_attempt_without_a_say_leaves_nothing(self, keeper: Keeper) -> None:
        """Fenced before its report: no tag, no document."""
        point = keeper.upload("autosave-1")
        keeper.change(lambda row: lifecycle.relaunch(row, keeper.clock.now(), timeline=True))
        assert (await keeper.saved(point)).status_code == 409
        assert list(keeper.repository()) == []
        assert keeper.documents() == []
