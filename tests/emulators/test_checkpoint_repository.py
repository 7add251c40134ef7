"""Checkpoints in Cloud Storage: what its conditions must do for them.

The emulator heeds conditions of uploads, and none of deletes.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.gcp.storage import StorageBucket
from ainimal_zookeeper.adapters.gcp.storage_buckets import make_bucket
from ainimal_zookeeper.checkpoints import Repository, clone
from ainimal_zookeeper.domain.errors import AlreadyExists, Conflict, DataCorrupt, NotFound, ZookeeperError

from tests.conformance.deadline import run_all
from tests.conftest import ToolFinder
from tests.fakes.bucket import CountingBucket, Killed, MortalBucket
from tests.unit.checkpoints.lineage import ADA, NOON, Git, snapshot

pytestmark = pytest.mark.emulators


@pytest.fixture
def bucket(storage_emulator: None) -> Iterator[StorageBucket]:
    name = f"zoo-{uuid.uuid4().hex[:12]}"
    make_bucket(name, "tests")
    bucket = StorageBucket(name, project="tests")
    yield bucket
    bucket.close()


@pytest.fixture
def repository(bucket: StorageBucket) -> Repository:
    return Repository(bucket, "mod_1")


def test_reads_what_was_saved(repository: Repository, bucket: StorageBucket) -> None:
    """A lineage comes back from the cloud as it went there, and a save again is the same."""
    root = repository.save(snapshot(bucket, 1), "root")
    best = repository.save(snapshot(bucket, 2, root.commit), "best")
    assert repository.save(snapshot(bucket, 2, root.commit), "best") == best == repository.verify("best")
    assert best.parents == (root.commit,)
    assert list(repository) == ["best", "root"]
    repository.delete("root")
    assert list(repository) == ["best"]
    with pytest.raises(NotFound):
        repository.read("root")


def test_one_of_many_savers_gets_the_tag(repository: Repository, bucket: StorageBucket) -> None:
    """All others are told that it is taken; the tag names what the winner saved."""
    takens = [snapshot(bucket, 1, instance_id=f"ins_{index}") for index in range(6)]
    winners: list[str] = []
    errors: list[ZookeeperError] = []

    def save(index: int) -> None:
        try:
            winners.append(repository.save(takens[index], "best").commit)
        except ZookeeperError as error:
            errors.append(error)

    run_all([threading.Thread(target=save, args=(index,)) for index in range(len(takens))])
    assert [type(error) for error in errors] == [AlreadyExists] * 5
    assert [repository.verify("best").commit] == winners


def test_tag_moves_from_what_it_named(repository: Repository, bucket: StorageBucket) -> None:
    """Of many who move a tag away from one checkpoint, one does; the others are told."""
    saved = [repository.save(snapshot(bucket, step), f"s{step}") for step in range(5)]
    repository.tag("latest", "s0", ADA, NOON)
    moved: list[str] = []
    errors: list[ZookeeperError] = []

    def move(index: int) -> None:
        try:
            moved.append(repository.tag("latest", f"s{index}", ADA, NOON, instead_of=saved[0].id).commit)
        except ZookeeperError as error:
            errors.append(error)

    run_all([threading.Thread(target=move, args=(index,)) for index in range(1, 5)])
    assert [type(error) for error in errors] == [Conflict] * 3
    assert [repository.read("latest").commit] == moved


def test_killed_saves_are_completed(repository: Repository, bucket: StorageBucket) -> None:
    """Wherever a save ended, there is no tag, or a whole one; the next attempt completes it."""
    taken = snapshot(bucket, 1)
    for writes in range(0, 7, 2):
        with pytest.raises(Killed):
            Repository(MortalBucket(bucket, writes), "mod_1").save(taken, "best")
        assert list(repository) == []
    saved = repository.save(taken, "best")
    assert repository.verify("best") == saved


def test_damage_is_told(repository: Repository, bucket: StorageBucket) -> None:
    """An object that was altered in the bucket is named."""
    saved = repository.save(snapshot(bucket, 1), "best")
    place = f"repositories/mod_1/objects/{saved.commit[:2]}/{saved.commit[2:]}"
    bucket.put(place, b"garbage")
    with pytest.raises(DataCorrupt, match=place):
        repository.read("best")


def test_clone_is_whole(
    repository: Repository, bucket: StorageBucket, tmp_path: Path, require_tool: ToolFinder
) -> None:
    """Plain git reads what lay in the cloud, payload and all."""
    grew_from = None
    for step in range(8):
        grew_from = repository.save(snapshot(bucket, step, grew_from), f"step-{step}").commit
    made = clone(repository, tmp_path / "clone", payload=True)
    git = Git(require_tool("git", "apt-get install git"), made.directory, tmp_path)
    git.check()
    assert len(git("log", "--format=%h").splitlines()) == 9
    assert made.payload_bytes > 0


def test_saves_take_the_calls_that_they_take_anywhere(bucket: StorageBucket) -> None:
    """Each call is a round to the cloud: a save of one file takes eleven, five of them at once."""
    counting = CountingBucket(bucket)
    repository = Repository(counting, "mod_1")
    root = repository.save(snapshot(bucket, 1), "root")
    taken = snapshot(bucket, 2, root.commit)
    counting.calls.clear()
    repository.save(taken, "best")
    assert counting.calls == {"put": 7, "get": 2, "info": 2}
