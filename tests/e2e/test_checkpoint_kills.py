"""Kill -9 at any moment of a save: no tag whose bytes are not whole, and none lost that somebody was promised."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Set
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.checkpoints import Repository, clone
from ainimal_zookeeper.client import Checkpoint, Instance, Zookeeper
from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.errors import DataCorrupt, NotFound, ZookeeperError

from tests.conftest import ToolFinder
from tests.e2e.hosting import HostedZoo, furnish, until
from tests.e2e.worlds import LINE
from tests.fakes.clock import FakeClock
from tests.unit.checkpoints.lineage import Git

KILLS = int(os.environ.get("ZOO_TEST_KILLS", "20"))
SEED = int(os.environ.get("ZOO_TEST_SEED", "4"))
SAVERS = 3
PROMISES = 4  # of each saver that stay; older ones are deleted
BLOWS = ("runner", "runner", "runner", "host", "host and runner")

_LONGEST_PAUSE_S = 0.15  # states are saved without a pause: any moment is one of a save
_WAIT_S = 60.0

ZOO = """
models:
  - {path: heavy.py, rate: 500, autosave_steps: 25}
environments:
  - {name: Line, path: line.py}
"""
FILES = {
    "heavy.py": """
from pathlib import Path

class Heavy:
    weights = bytes(range(256)) * 2_048

    def act(self, observation):
        return 1

    def save(self, path):
        for part in "abc":
            (Path(path) / part).write_bytes(self.weights)

    def load(self, path):
        for part in "abc":
            assert (Path(path) / part).read_bytes() == self.weights
""",
    "line.py": LINE,
}


class Collector:
    """Saves one instance without a pause, in a thread, deletes what is old, and remembers what it was told."""

    def __init__(self, url: str, instance_id: str) -> None:
        self.saved = 0
        self._url = url
        self._instance_id = instance_id
        self._promised: dict[str, Checkpoint] = {}
        self._deleted: set[str] = set()
        self._changing = threading.Lock()
        self._done = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def told(self) -> tuple[set[str], set[str]]:
        """Returns the ids of what must be there, and of what must not."""
        with self._changing:
            return set(self._promised), set(self._deleted)

    def close(self) -> None:
        self._done = True
        self._thread.join(_WAIT_S)

    def _run(self) -> None:
        number = 0
        with Zookeeper(self._url) as zoo:
            while not self._done:
                number += 1
                with suppress(ZookeeperError):  # the zoo is gone, or the instance, or something starts from the oldest
                    self._save(zoo.instance(self._instance_id), number)
                    self._delete()

    def _save(self, instance: Instance, number: int) -> None:
        made = instance.save_checkpoint(f"{instance.name}.{number}")
        with self._changing:
            self._promised[made.id] = made
            self.saved += 1

    def _delete(self) -> None:
        """Deletes the oldest: until somebody answers, it may be there or not."""
        if len(self._promised) <= PROMISES:
            return
        with self._changing:
            oldest = self._promised.pop(next(iter(self._promised)))
        oldest.delete()
        with self._changing:
            self._deleted.add(oldest.id)


class Target:
    """A zoo that is hit, opened again at the same address, and looked at behind its back."""

    def __init__(self, folder: Path) -> None:
        self.zoo = HostedZoo(folder)
        self.url = self.zoo.url
        with Zookeeper(self.url) as client:
            self._model_id = client.model("Heavy").id
        self._bucket = DirectoryBucket(self.zoo.state_dir / "bucket", "http://127.0.0.1", b"", FakeClock())
        self.repository = Repository(self._bucket, self._model_id)
        self._hashed: set[str] = set()

    def kill_host(self) -> None:
        self.zoo.process.kill()
        self.zoo.process.wait()

    def kill_runner(self, instance_id: str) -> None:
        for runner in self.zoo.runners():
            with suppress(psutil.NoSuchProcess):
                if runner.environ().get("ZOO_INSTANCE") == instance_id:
                    runner.kill()

    def open(self) -> None:
        self.zoo = HostedZoo(self.zoo.folder, "--port", self.url.rpartition(":")[2])
        assert self.zoo.url == self.url

    def check(self, told: Callable[[], tuple[Set[str], Set[str]]]) -> None:
        """Checks that each tag and each document is of something whole, and that promises are kept.

        told: returns the ids of what must be there and of what must not, and changes all the time.
        """
        there, gone = told()
        for tag in self.repository:
            self._check_tag(tag)
        store = SqliteStore(self.zoo.state_dir / "zoo.sqlite3")
        try:
            query = queries.CHECKPOINTS_BY_MODEL.bind(model_id=self._model_id)
            documents = {each["id"]: each for each in store.query(query, queries.Page(1_000)).documents}
            for document in documents.values():
                self._check_document(store, document)
        finally:
            store.close()
        assert there & told()[0] <= documents.keys()
        assert not gone & documents.keys()

    def _check_tag(self, tag: str) -> None:
        try:
            for file in self.repository.verify(tag).manifest.payload:
                if file.object not in self._hashed:
                    assert hashlib.sha256(self._bucket.get(file.object)).hexdigest() == file.sha256
                    self._hashed.add(file.object)
        except (NotFound, DataCorrupt):
            if self.repository.tags.get(tag) is not None:  # else it was deleted just now: the tag before the bytes
                raise

    def _check_document(self, store: SqliteStore, document: Document) -> None:
        try:
            assert self.repository.verify(document["tag"]).id == document["id"]
        except (NotFound, DataCorrupt):
            if store.get(Ref(Collections.CHECKPOINTS, document["id"])) is not None:  # else it was deleted just now
                raise


class Victim:
    """An instance whose runner is killed, time and again, but not twice in a row before it has saved a state."""

    def __init__(self, instance: Instance) -> None:
        self.id = instance.id
        self._instance = instance
        self._killed = 0
        self._saved = False
        self._in_vain = True  # without any state it is lost

    def runs(self) -> bool:
        """Tells whether it runs again."""
        info = self._instance.refresh().info
        assert not self._instance.ended, info
        return info.phase == "RUNNING" and info.attempt > self._killed

    def has_saved(self) -> bool:
        """Tells whether it runs, and has saved a state since it began to."""
        return self.runs() and any(
            each.timeline == self._instance.info.timeline for each in self._instance.checkpoints()
        )

    def may_be_killed(self, random: Random) -> bool:
        self._saved = self.has_saved()
        return self._saved or (not self._in_vain and self.runs() and random.random() < 0.2)

    def is_killed(self) -> None:
        self._killed = self._instance.info.attempt
        self._in_vain = not self._saved


@pytest.mark.timeout(120 + 6 * KILLS)
def test_no_tag_without_its_bytes_whoever_is_killed(
    tmp_path: Path, require_tool: ToolFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runners and the zoo itself, while states are saved by themselves and for somebody, and old ones are deleted."""
    random, kills = Random(SEED), Counter[str]()
    furnish(tmp_path, ZOO, FILES)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    target = Target(tmp_path)
    collectors: list[Collector] = []

    def told() -> tuple[Set[str], Set[str]]:
        there, gone = zip(*(collector.told() for collector in collectors), strict=True)
        return set[str]().union(*there), set[str]().union(*gone)

    try:
        began = time.monotonic()
        with Zookeeper(target.url) as client:
            instances = [client.launch("Heavy", "Line", name=f"heavy{n}", seed=n, wait=False) for n in range(SAVERS)]
            victims = [Victim(instance) for instance in instances]
            collectors += [Collector(target.url, instance.id) for instance in instances]
            for _ in range(KILLS):
                ready = until(lambda: [victim for victim in victims if victim.may_be_killed(random)], _WAIT_S)
                victim, blow = random.choice(ready), random.choice(BLOWS)
                time.sleep(random.uniform(0.0, _LONGEST_PAUSE_S))
                kills["while a state is packed or sent"] += any(temporary.rglob("checkpoint.zip"))
                if "host" in blow:
                    target.kill_host()
                if "runner" in blow:
                    target.kill_runner(victim.id)
                    victim.is_killed()
                target.check(told)
                if "host" in blow:
                    target.open()
                kills[blow] += 1
            took_s = time.monotonic() - began
            until(lambda: all(victim.has_saved() for victim in victims), _WAIT_S)
            for collector in collectors:
                collector.close()
            for instance in instances:
                instance.terminate().wait("TERMINATED", timeout_s=_WAIT_S)
        target.check(told)
        saved, deleted = sum(collector.saved for collector in collectors), len(told()[1])
        print(f"seed {SEED}: {KILLS} kills in {took_s:.0f} s, {dict(kills)}")
        print(f"{saved} saves acknowledged, {deleted} deletions; ZOO_TEST_KILLS and ZOO_TEST_SEED change it")
        until(lambda: not any(temporary.iterdir()))  # what was killed leaves nothing behind
        made = clone(target.repository, tmp_path / "clone", payload=True)
        Git(require_tool("git", "apt-get install git"), made.directory, tmp_path).check()
    finally:
        for collector in collectors:
            collector.close()
        target.zoo.close()
