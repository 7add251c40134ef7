"""Saved states become checkpoints, on stores in memory; and whoever is killed at any moment of it."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.clock import SystemClock
from ainimal_zookeeper.checkpoints import Repository
from ainimal_zookeeper.domain import lifecycle, queries
from ainimal_zookeeper.domain.documents import CheckpointPoint, Document, InstanceDoc, instance_ref
from ainimal_zookeeper.ports.bucket import ObjectInfo
from ainimal_zookeeper.ports.store import Transaction
from runner_link.intake import Intake
from runner_link.keeping import Keeping, Kept
from runner_link.requests import Caller, reported
from runner_link.saves import Saved

from tests.conformance.keeping_suite import KeepingTests
from tests.conformance.runner_link_suite import furnish, specify
from tests.fakes import zoo
from tests.fakes.bucket import CountingBucket, Killed, MemoryBucket
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore

T = TypeVar("T")

KILLS = 200


class TestKeeping(KeepingTests):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryStore:
        store = MemoryStore()
        furnish(store, clock)
        return store

    @pytest.fixture
    def bucket(self, tmp_path: Path) -> DirectoryBucket:
        return DirectoryBucket(tmp_path, "http://bucket", zoo.SECRET, SystemClock())


class Fate:
    """Lets so many changes of bucket and store happen, and one more of which nobody hears, if that."""

    def __init__(self, changes: int, *, acts: bool) -> None:
        self._left = changes
        self._acts = acts

    def meet(self, change: Callable[[], T]) -> T:
        self._left -= 1
        if self._left >= 0:
            return change()
        if self._left == -1 and self._acts:
            change()
        raise Killed


class FatedBucket(CountingBucket):
    def __init__(self, inner: MemoryBucket, fate: Fate) -> None:
        super().__init__(inner)
        self._fate = fate

    def put(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        return self._fate.meet(
            lambda: self.inner.put(name, data, if_generation=if_generation, content_type=content_type)
        )

    def delete(self, name: str, *, if_generation: int | None = None) -> None:
        self._fate.meet(lambda: self.inner.delete(name, if_generation=if_generation))


class FatedStore:
    def __init__(self, inner: MemoryStore, fate: Fate) -> None:
        self._inner = inner
        self._fate = fate

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        return self._fate.meet(lambda: self._inner.transact(fn))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Zoo:
    """An instance that runs, the newest two of whose own checkpoints stay."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.bucket = MemoryBucket()
        furnish(self.store, self.clock)
        specify(self.store, autosave={"keep": 2})
        row = lifecycle.claim(zoo.read(self.store), 1, self.clock.now())
        self.put(lifecycle.report(row, 1, {"phase": "RUNNING"}, self.clock.now()))

    def put(self, row: Any) -> None:
        self.store.transact(lambda transaction: transaction.put(instance_ref("ins_1"), dict(row)))

    def report(self, step: int, save_id: str | None, fate: Fate | None = None) -> None:
        """The runner link of a process that meets its fate is told of the state of `step`."""
        body = self.body(step, save_id)
        fate = fate or Fate(10**6, acts=True)
        store: Any = FatedStore(self.store, fate)
        keeping = Keeping(store=store, bucket=FatedBucket(self.bucket, fate), clock=self.clock)
        self.clock.advance(1)
        Intake(store=store, clock=self.clock, keeping=keeping).report(Caller("ins_1", 1), reported(body))

    def body(self, step: int, save_id: str | None = None) -> dict[str, Any]:
        """Returns a report that tells of the state of `step`, which is in the bucket."""
        content = f"state {step}".encode()
        name = f"runs/ins_1/1/checkpoints/{step}.zip"
        if self.bucket.info(name) is None:
            self.bucket.put(name, content)
        sha256 = hashlib.sha256(content).hexdigest()
        point = {"object": name, "step": step, "episode": 0, "sizeBytes": len(content), "sha256": sha256}
        save = {"id": save_id, "kind": "AUTOSAVE" if save_id is None else "ASKED"}
        return {"sequence": step, "report": {"checkpoint": point, "save": save}}

    def documents(self) -> list[Document]:
        query = queries.CHECKPOINTS_BY_INSTANCE.bind(instance_id="ins_1")
        return list(self.store.query(query, queries.Page(100)).documents)

    @property
    def repository(self) -> Repository:
        return Repository(self.bucket, "mod_learner")


@pytest.mark.parametrize("seed", range(KILLS))
def test_whoever_is_killed_while_a_state_is_kept_leaves_no_broken_tag(seed: int) -> None:
    """At every moment each tag's bytes are whole; the runner that asks again gets one checkpoint, and none is lost."""
    chance = random.Random(seed)
    a_zoo = Zoo()
    for step in range(1, chance.randrange(2, 5)):
        a_zoo.report(step, None)
    asked = chance.random() < 0.5
    if asked:
        a_zoo.put(lifecycle.save(zoo.read(a_zoo.store), {"id": "sav_1", "tag": "mine", "authorId": None}))
    told = (10, "sav_1" if asked else None)
    for _ in range(chance.randrange(1, 4)):
        with suppress(Killed):
            a_zoo.report(*told, Fate(chance.randrange(16), acts=chance.random() < 0.5))
        for tag in a_zoo.repository:
            a_zoo.repository.verify(tag)
        newest = zoo.read(a_zoo.store)["status"]["checkpoint"]
        assert newest is None or a_zoo.bucket.info(newest["object"]) is not None

    a_zoo.report(*told)
    a_zoo.report(11, None)
    kept = a_zoo.documents()
    assert (10 in {document["step"] for document in kept}, kept[0]["step"]) == (True, 11)
    assert [document["tag"] for document in kept if document["kind"] == "ASKED"] == (["mine"] if asked else [])
    assert sum(document["kind"] == "AUTOSAVE" for document in kept) == 2
    for document in kept:
        assert a_zoo.repository.verify(document["tag"]).id == document["id"]
    assert sorted(a_zoo.repository) == sorted(document["tag"] for document in kept)
    assert a_zoo.store.query(queries.DISCARDED.bind(), queries.Page()).documents == ()


class SlowKeeping(Keeping):
    """Begins, and goes on when it may."""

    def __init__(self, a_zoo: Zoo) -> None:
        super().__init__(store=a_zoo.store, bucket=a_zoo.bucket, clock=a_zoo.clock)
        self.begun, self.goes_on, self.times = threading.Event(), threading.Event(), 0

    def keep(self, document: InstanceDoc, point: CheckpointPoint, saved: Saved) -> Kept:
        self.times += 1
        self.begun.set()
        assert self.goes_on.wait(10)
        return super().keep(document, point, saved)


def test_a_state_that_is_told_again_meanwhile_is_kept_once() -> None:
    """A slow disk makes a runner ask again: the second time waits for the first, and finds nothing left to do."""
    a_zoo = Zoo()
    keeping = SlowKeeping(a_zoo)
    intake = Intake(store=a_zoo.store, clock=a_zoo.clock, keeping=keeping)
    told = reported(a_zoo.body(10))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(intake.report, Caller("ins_1", 1), told)
        assert keeping.begun.wait(10)
        second = pool.submit(intake.report, Caller("ins_1", 1), told)
        keeping.goes_on.set()
        assert first.result(10) == second.result(10)

    assert keeping.times == 1
    assert [document["step"] for document in a_zoo.documents()] == [10]


def test_what_a_save_says_of_pickles_is_in_the_manifest_and_the_entry() -> None:
    """People see it before they start from it."""
    a_zoo = Zoo()
    body = a_zoo.body(10)
    body["report"]["save"] |= {"needsPickle": True, "architecture": {"layers": 2}, "overrides": [{"id": "ovr_1"}]}
    keeping = Keeping(store=a_zoo.store, bucket=a_zoo.bucket, clock=a_zoo.clock)
    Intake(store=a_zoo.store, clock=a_zoo.clock, keeping=keeping).report(Caller("ins_1", 1), reported(body))

    (document,) = a_zoo.documents()
    manifest = a_zoo.repository.read(document["tag"]).manifest
    assert (document["needsPickle"], manifest.needs_pickle) == (True, True)
    assert manifest.architecture == {"layers": 2}
    assert manifest.overrides == ({"id": "ovr_1"},)
