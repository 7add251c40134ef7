"""Any history of saves, tags and deletions, by one writer or many, against a model of what should be there."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Repository, clone
from ainimal_zookeeper.domain.errors import AlreadyExists, Conflict, NotFound, ZookeeperError
from ainimal_zookeeper.ports.bucket import ObjectInfo
from dulwich.repo import Repo
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.conformance.deadline import run_all
from tests.fakes.bucket import CountingBucket, Killed, MortalBucket
from tests.unit.checkpoints.lineage import ADA, NOON, open_bucket, snapshot

tags = st.sampled_from(["best", "last", "v1", "v2"])


class Lineages(RuleBasedStateMachine):
    """`tagged` is what each tag names; `parents` what each commit grew from."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.bucket = open_bucket(self.place / "bucket")
        self.repository = Repository(self.bucket, "mod_1")
        self.tagged: dict[str, str] = {}
        self.parents: dict[str, str | None] = {}
        self.steps = 0

    def teardown(self) -> None:
        shutil.rmtree(self.place)

    def parent(self, draw: Any) -> str | None:
        known = sorted(self.parents)
        index = draw.draw(st.integers(0, len(known)))
        return known[index] if index < len(known) else None

    @rule(tag=tags, draw=st.data(), writes=st.none() | st.integers(0, 10), acts=st.booleans())
    def save(self, tag: str, draw: Any, writes: int | None, acts: bool) -> None:
        """A save, perhaps killed at a write; then it is tried again, as a new process would."""
        self.steps += 1
        parent = self.parent(draw)
        taken = snapshot(self.bucket, self.steps, parent)
        if writes is not None:
            try:
                Repository(MortalBucket(self.bucket, writes, acts=acts), "mod_1").save(taken, tag)
            except (Killed, AlreadyExists):
                if self.repository.tags.get(tag) is None and draw.draw(st.booleans()):
                    return  # nobody comes again
        try:
            saved = self.repository.save(taken, tag)
        except AlreadyExists:
            assert tag in self.tagged
        else:
            assert tag not in self.tagged
            self.tagged[tag] = saved.commit
            self.parents[saved.commit] = parent

    @rule(tag=tags, draw=st.data(), count=st.integers(2, 4))
    def save_together(self, tag: str, draw: Any, count: int) -> None:
        """Several savers want one tag: one gets it, unless it is taken; all others are told so."""
        parent = self.parent(draw)
        self.steps += 1
        takens = [snapshot(self.bucket, self.steps, parent, instance_id=f"ins_{index}") for index in range(count)]
        winners: list[str] = []
        errors: list[ZookeeperError] = []

        def save(index: int) -> None:
            try:
                winners.append(Repository(self.bucket, "mod_1").save(takens[index], tag).commit)
            except ZookeeperError as error:
                errors.append(error)

        run_all([threading.Thread(target=save, args=(index,)) for index in range(count)])
        assert all(isinstance(error, AlreadyExists) for error in errors)
        assert len(winners) == (tag not in self.tagged)
        for commit in winners:
            self.tagged[tag] = commit
            self.parents[commit] = parent

    @precondition(lambda self: self.tagged)
    @rule(tag=tags, draw=st.data())
    def name(self, tag: str, draw: Any) -> None:
        """Another tag for a checkpoint that has one."""
        commit = self.tagged[draw.draw(st.sampled_from(sorted(self.tagged)))]
        try:
            named = self.repository.tag(tag, commit, ADA, NOON)
        except AlreadyExists:
            assert tag in self.tagged
        else:
            assert self.tagged.setdefault(tag, commit) == commit == named.commit

    @precondition(lambda self: self.tagged)
    @rule(tag=tags, draw=st.data())
    def move(self, tag: str, draw: Any) -> None:
        """A tag moves only from what it names."""
        commit = draw.draw(st.sampled_from(sorted(self.parents)))
        guess = draw.draw(st.sampled_from(sorted(self.parents)))
        try:
            self.repository.tag(tag, commit, ADA, NOON, instead_of=guess)
        except NotFound:
            assert tag not in self.tagged
        except Conflict:
            assert self.tagged[tag] != guess
        else:
            assert self.tagged[tag] in {guess, commit}
            self.tagged[tag] = commit

    @rule(tag=tags)
    def delete(self, tag: str) -> None:
        try:
            self.repository.delete(tag)
        except NotFound:
            assert tag not in self.tagged
        else:
            del self.tagged[tag]

    @precondition(lambda self: self.tagged)
    @rule()
    def copy(self) -> None:
        """A clone has all tags, and all that they grew from."""
        made = clone(self.repository, self.place / f"clone{self.steps}", payload=True)
        with Repo(str(made.directory)) as copied:
            found = {tag.decode(): copied.get_peeled(b"refs/tags/" + tag) for tag in copied.refs.keys(b"refs/tags/")}  # type: ignore[arg-type]
            assert {tag: commit.decode() for tag, commit in found.items()} == self.tagged
            for commit in self.tagged.values():
                while (above := self.parents[commit]) is not None:
                    assert copied.get_parents(commit.encode()) == [above.encode()]  # type: ignore[arg-type,comparison-overlap]
                    commit = above  # noqa: PLW2901
        shutil.rmtree(made.directory)

    @invariant()
    def tags_are_whole(self) -> None:
        assert set(self.repository) == set(self.tagged)
        for tag, commit in self.tagged.items():
            assert self.repository.verify(tag).commit == commit


TestLineages = Lineages.TestCase
TestLineages.settings = settings(
    max_examples=12,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_many_savers_of_one_lineage(repository: Repository, bucket: DirectoryBucket) -> None:
    """Eight savers with a tag each, all from one parent: all are there, and nothing of one is another's."""
    root = repository.save(snapshot(bucket, 0), "root")

    def save(index: int) -> None:
        Repository(bucket, "mod_1").save(snapshot(bucket, index, root.commit), f"tag-{index}")

    run_all([threading.Thread(target=save, args=(index,)) for index in range(1, 9)])
    found = {tag: repository.verify(tag) for tag in repository}
    assert sorted(found) == ["root", *(f"tag-{index}" for index in range(1, 9))]
    assert all(found[f"tag-{index}"].manifest.step == index for index in range(1, 9))


def test_one_of_many_moves_a_tag(repository: Repository, bucket: DirectoryBucket) -> None:
    """Of those who move a tag away from one checkpoint at once, one does; the others are told."""
    saved = [repository.save(snapshot(bucket, step), f"s{step}") for step in range(7)]
    repository.tag("latest", "s0", ADA, NOON)
    moved: list[str] = []
    errors: list[ZookeeperError] = []
    ready = threading.Barrier(6)

    def move(index: int) -> None:
        held = Repository(Held(bucket, ready), "mod_1")
        try:
            moved.append(held.tag("latest", f"s{index}", ADA, NOON, instead_of=saved[0].id).commit)
        except ZookeeperError as error:
            errors.append(error)

    run_all([threading.Thread(target=move, args=(index,)) for index in range(1, 7)])
    assert [type(error) for error in errors] == [Conflict] * 5
    assert [repository.verify("latest").commit] == moved


class Held(CountingBucket):
    """A bucket whose users wait for each other before they write a tag."""

    def __init__(self, inner: DirectoryBucket, ready: threading.Barrier) -> None:
        super().__init__(inner)
        self._ready = ready

    def put(self, name: str, *arguments: Any, **named: Any) -> ObjectInfo:
        if "/refs/" in name:
            self._ready.wait(10)
        return super().put(name, *arguments, **named)


def test_the_same_save_by_many(repository: Repository, bucket: DirectoryBucket) -> None:
    """A report that comes to several processes at once is one checkpoint, and success for all."""
    taken = snapshot(bucket, 1)
    saved: list[str] = []
    run_all([threading.Thread(target=lambda: saved.append(repository.save(taken, "a").id)) for _ in range(6)])
    assert saved == [repository.verify("a").id] * 6
