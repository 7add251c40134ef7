"""Processes that are killed while they save: what has a tag is whole, and whoever comes again completes the rest."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Repository, Snapshot, SourceRepository, push
from ainimal_zookeeper.ports.bucket import Bucket

from tests.fakes.bucket import Killed, MemoryBucket, MortalBucket
from tests.unit.checkpoints.lineage import Git, open_bucket, snapshot, upload

KILLS = 200


def of(bucket: Bucket, step: int, grew_from: str | None) -> Snapshot:
    files = tuple(upload(bucket, f"{step}.{index}".encode(), f"part{index}/a.bin") for index in range(step % 3))
    return snapshot(bucket, step, grew_from, payload=files)


def test_killed_between_any_two_writes(tmp_path: Path) -> None:
    """Of 200 saves, each is killed after a random number of writes, and tried again: no tag ever names what is not
    whole, none is lost, and the retry gives the checkpoint that an undisturbed save would have given.
    """
    chance = random.Random(20_260_101)
    bucket = open_bucket(tmp_path)
    calm = Repository(MemoryBucket(), "mod_1")
    repository = Repository(bucket, "mod_1")
    commits: list[str] = []
    kills = 0
    while kills < KILLS:
        step = len(commits)
        grew_from = chance.choice(commits) if commits and chance.random() < 0.95 else None
        tag = f"step-{step}"
        taken = of(bucket, step, grew_from)
        before = set(repository)
        while True:
            mortal = MortalBucket(bucket, chance.randrange(16), acts=chance.random() < 0.5)
            try:
                saved = Repository(mortal, "mod_1").save(taken, tag)
            except Killed:
                kills += 1
            else:
                break
            assert before <= set(repository) <= before | {tag}
            if tag in set(repository):
                assert repository.verify(tag).manifest == taken.manifest
        assert repository.verify(tag) == saved
        of(calm.bucket, step, grew_from)
        assert calm.save(taken, tag) == saved
        commits.append(saved.commit)
    for tag in (tags := list(repository)):
        repository.verify(tag)
    assert len(tags) == len(commits)


@pytest.mark.parametrize("acts", [False, True])
def test_killed_at_each_write(repository: Repository, bucket: DirectoryBucket, acts: bool) -> None:
    """A save does the same writes each time; wherever it ends, the tag is the last of them."""
    taken = snapshot(bucket, 1)
    for writes in range(100):
        mortal = MortalBucket(bucket, writes, acts=acts)
        try:
            Repository(mortal, "mod_1").save(taken, "a")
        except Killed:
            tagged = list(repository) == ["a"]
            assert tagged == (list(bucket.list("repositories/mod_1/refs/")) != [])
            if tagged:
                repository.verify("a")
                break
        else:
            break
    assert repository.verify("a") == repository.save(taken, "a")
    assert writes > 3


def test_killed_while_it_deletes_or_moves(repository: Repository, bucket: DirectoryBucket) -> None:
    """A tag names the old, or the new, or is gone; never something in between."""
    one, two = (repository.save(snapshot(bucket, step), f"s{step}") for step in (1, 2))
    repository.tag("latest", one.id, one.author, one.saved_at)
    for writes in range(3):
        mortal = Repository(MortalBucket(bucket, writes), "mod_1")
        try:
            mortal.tag("latest", two.id, one.author, one.saved_at, instead_of=one.id)
        except Killed:
            assert repository.verify("latest").commit == one.commit
        else:
            break
    assert repository.verify("latest").commit == two.commit
    repository.verify("s1")


def test_killed_while_it_pushes(
    repository: Repository, bucket: DirectoryBucket, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a push has left behind harms nothing, and the next one completes it."""
    base = git.commit("pilot.py", "one = 1\n")
    source = SourceRepository.find(git.place / "pilot.py")
    assert source is not None
    root = repository.save(snapshot(bucket, 1, commit=base), "root")
    repository.save(snapshot(bucket, 2, root.commit), "best")
    kills = 0
    while git("tag") == "":
        try:
            assert push(Repository(DyingReader(bucket, kills), "mod_1"), "best", source)
        except Killed:
            kills += 1
        git.check()
    assert kills > 5
    assert len(git("log", "--format=%h", "best").splitlines()) == 3


class DyingReader(MortalBucket):
    """A bucket whose process is killed after `reads` reads."""

    def __init__(self, inner: DirectoryBucket, reads: int) -> None:
        super().__init__(inner, 100)
        self._reads = reads

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        if self.calls["get"] == self._reads:
            raise Killed
        return super().get(name, start, end)
