"""What the zoo does with checkpoints where the sources of their models are in git."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Repository
from ainimal_zookeeper.checkpoints.discarding import Discards
from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import CheckpointDoc, Collections, Document, Ref
from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.provenance import Provenance
from ainimal_zookeeper.server.lineages import TOLD_AFTER, Lineages

from tests.conftest import ToolFinder
from tests.fakes import checkpoints, zoo
from tests.fakes.bucket import CountingBucket, Killed
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.unit.checkpoints.lineage import Git, open_bucket


class Scene:
    """A zoo whose model's source is `source/learner.py` of a git repository, and what its functions would write."""

    def __init__(self, place: Path, git: Git) -> None:
        self.git = git
        self.base = git.commit("learner.py", "one = 1\n")
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.bucket: DirectoryBucket = open_bucket(place / "bucket")
        zoo.add(self.store, zoo.instance(self.clock.now()))
        self.offer()
        self.lineages = self.begin()

    def begin(self) -> Lineages:
        """Returns those of a zoo that has just started."""
        provenance = Provenance(self.git.place, {}, at_hand=True)
        return Lineages(store=self.store, bucket=self.bucket, clock=self.clock, provenance=provenance)

    def offer(self, **spec: Any) -> None:
        zoo.put(self.store, Collections.MODELS, zoo.model(path="learner.py", **spec))

    def save(self, tag: str, step: int = 1, **changes: Any) -> CheckpointDoc:
        """Saves a checkpoint on `base`, unless told otherwise, that waits."""
        wanted: dict[str, Any] = {"push": "WAITING", "base": self.base, **changes}
        self.clock.advance(1)
        return checkpoints.add(self.store, self.bucket, self.clock.now(), "ins_1", tag, step, **wanted)

    def pushed(self, checkpoint: CheckpointDoc) -> str | None:
        """Returns how a checkpoint is on its way."""
        found = self.store.get(Ref(Collections.CHECKPOINTS, checkpoint["id"]))
        return None if found is None else found.get("push")

    def delete(self, checkpoint: CheckpointDoc) -> None:
        Discards(store=self.store, bucket=self.bucket, clock=self.clock).discard(checkpoint["id"], lambda _: ())

    def told(self, kind: str) -> list[str]:
        found = self.store.query(queries.EVENTS.bind(resource_id="ins_1"), queries.Page(100)).documents
        return [event["message"] for event in found if event["kind"] == kind]

    def warnings(self) -> list[str]:
        return self.told("WARNING")

    def withdrawals(self) -> list[Document]:
        return list(self.store.query(queries.WITHDRAWN.bind(), queries.Page(100)).documents)


@pytest.fixture
def scene(tmp_path: Path, require_tool: ToolFinder) -> Scene:
    place = tmp_path / "source"
    place.mkdir()
    git = Git(require_tool("git", "apt-get install git"), place, tmp_path)
    git("init", "-q", "-b", "main")
    return Scene(tmp_path, git)


def test_what_was_asked_for_is_a_tag_where_the_source_is(scene: Scene) -> None:
    """Its history is the source's, in the source's repository and in the zoo's; a second look changes nothing."""
    first = scene.save("first")
    second = scene.save("second", 2, grew_from=first["commit"])

    assert not scene.lineages.attend()
    assert not scene.lineages.attend()

    assert (scene.pushed(first), scene.pushed(second)) == ("PUSHED", "PUSHED")
    assert scene.git("log", "--format=%D", "second").splitlines() == ["tag: second", "tag: first", "HEAD -> main"]
    scene.git.check()
    assert list(scene.bucket.list(f"repositories/mod_learner/history/{scene.base}"))
    assert scene.warnings() == []
    pushed = f"was pushed to the git repository {scene.git.place}"
    assert sorted(scene.told("CHECKPOINT")) == [f"the tag first {pushed}", f"the tag second {pushed}"]


def test_what_the_zoo_saves_by_itself_stays_in_the_zoo(scene: Scene) -> None:
    """The history that it begins with is kept; the repository of the source is not littered."""
    saved = scene.save("passing", kind="AUTOSAVE", kept=False)
    assert not scene.lineages.attend()
    assert scene.pushed(saved) is None
    assert scene.git("tag") == ""
    assert list(scene.bucket.list(f"repositories/mod_learner/history/{scene.base}"))


def test_who_does_not_want_tags_gets_none(scene: Scene) -> None:
    """`push_checkpoints: false` keeps the history, and pushes nothing."""
    scene.offer(push_checkpoints=False)
    saved = scene.save("best")
    assert not scene.lineages.attend()
    assert (scene.pushed(saved), scene.git("tag"), scene.told("CHECKPOINT")) == (None, "", [])


def test_what_waits_is_found_after_a_restart(scene: Scene) -> None:
    """Whoever was killed, before a push or right after it, leaves it to the next; more than one page of them."""
    waiting = [scene.save(f"t{number}", number) for number in range(60)]
    scene.lineages.attend()
    zoo.put(scene.store, Collections.CHECKPOINTS, {**waiting[7], "push": "WAITING"})  # it was killed in between

    assert not scene.begin().attend()

    assert {scene.pushed(each) for each in waiting} == {"PUSHED"}
    assert len(scene.git("tag").split()) == 60


def test_deleted_checkpoint_loses_its_tag(scene: Scene) -> None:
    """The tag that was pushed goes with it, also when it was deleted before it was said to be pushed."""
    first, second = scene.save("first"), scene.save("second", 2)
    scene.lineages.attend()
    zoo.put(scene.store, Collections.CHECKPOINTS, {**second, "push": "WAITING"})
    for checkpoint in (first, second):
        scene.delete(checkpoint)
    assert len(scene.withdrawals()) == 2

    assert not scene.begin().attend()

    assert (scene.git("tag"), scene.withdrawals()) == ("", [])
    scene.git.check()


def test_tag_that_is_not_ours_any_more_stays(scene: Scene) -> None:
    """Who has made the tag anew meanwhile keeps it when the checkpoint is deleted."""
    checkpoint = scene.save("best")
    scene.lineages.attend()
    scene.git("tag", "-f", "best", "main")
    scene.delete(checkpoint)
    assert not scene.lineages.attend()
    assert scene.git("rev-parse", "best") == scene.base


def test_deleted_before_it_came_to_it(scene: Scene) -> None:
    """What is deleted while it waits is never pushed, and leaves no note."""
    scene.delete(scene.save("best"))
    assert not scene.lineages.attend()
    assert (scene.git("tag"), scene.withdrawals(), scene.warnings()) == ("", [], [])


def test_name_that_is_taken_again_waits_for_its_withdrawal(scene: Scene) -> None:
    """A tag that is deleted and saved anew is not refused because the old one could not be taken away yet."""
    first = scene.save("best")
    scene.lineages.attend()
    scene.delete(first)
    second = scene.save("best", 2)
    lock = scene.git.place / ".git/refs/tags/best.lock"
    lock.write_text("")
    assert scene.lineages.attend()
    assert scene.pushed(second) == "WAITING"
    lock.unlink()
    assert not scene.lineages.attend()
    assert scene.pushed(second) == "PUSHED"
    assert scene.git("rev-parse", "best^{commit}") == second["commit"]


class Mortal(CountingBucket):
    """A bucket whose process is killed at the nth time that it reads something."""

    def __init__(self, inner: DirectoryBucket, reads: int) -> None:
        super().__init__(inner)
        self._reads = reads

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        self._reads -= 1
        if self._reads < 0:
            raise Killed
        return super().get(name, start, end)


def test_two_zoos_of_one_store_do_it_once(scene: Scene) -> None:
    """Whoever comes second finds it done, changes nothing, and goes on."""

    class Beside(CountingBucket):
        """A bucket at the first reading of which another zoo does all that there is to do."""

        def get(self, name: str, start: int = 0, end: int | None = None) -> bytes:
            if not self.calls["get"]:
                assert not scene.begin().attend()
            return super().get(name, start, end)

    first, second = scene.save("first"), scene.save("second", 2)
    provenance = Provenance(scene.git.place, {}, at_hand=True)
    bucket = Beside(scene.bucket)
    late = Lineages(store=scene.store, bucket=bucket, clock=scene.clock, provenance=provenance)

    assert not late.attend()

    assert bucket.calls["get"]
    assert (scene.pushed(first), scene.pushed(second)) == ("PUSHED", "PUSHED")
    assert len(scene.told("CHECKPOINT")) == 2


@pytest.mark.parametrize("reads", range(24))
def test_whoever_is_killed_while_pushing_leaves_no_broken_repository(scene: Scene, reads: int) -> None:
    """At every moment git finds nothing wrong, a tag that is there is whole, and the next zoo pushes the rest."""
    first = scene.save("first")
    second = scene.save("second", 2, grew_from=first["commit"])
    provenance = Provenance(scene.git.place, {}, at_hand=True)
    bucket = Mortal(scene.bucket, reads)
    doomed = Lineages(store=scene.store, bucket=bucket, clock=scene.clock, provenance=provenance)
    with suppress(Killed):
        doomed.attend()
    scene.git.check()

    assert not scene.begin().attend()

    assert (scene.pushed(first), scene.pushed(second)) == ("PUSHED", "PUSHED")
    assert scene.git("rev-parse", "second^^") == scene.base
    scene.git.check()
    assert scene.warnings() == []


class TestTrouble:
    """What cannot be pushed is told once, and never lost."""

    def test_locked_repository_is_tried_again(self, scene: Scene) -> None:
        """A lock that stays for a while is worth a warning, one for a moment is not."""
        saved = scene.save("best")
        lock = scene.git.place / ".git/refs/tags/best.lock"
        lock.write_text("")
        for _ in range(TOLD_AFTER - 1):
            assert scene.lineages.attend()
        assert scene.warnings() == []
        for _ in range(TOLD_AFTER):
            assert scene.lineages.attend()
        [warning] = scene.warnings()
        assert "best is not pushed yet, and tried again" in warning
        assert scene.pushed(saved) == "WAITING"
        lock.unlink()
        assert not scene.lineages.attend()
        assert scene.pushed(saved) == "PUSHED"

    def test_repository_that_cannot_be_written_is_tried_again(self, scene: Scene) -> None:
        """A disk that is full or read-only today is another one tomorrow."""
        saved = scene.save("best")
        tags = scene.git.place / ".git/refs/tags"
        tags.rmdir()
        tags.write_text("in the way")
        for _ in range(2 * TOLD_AFTER):
            assert scene.lineages.attend()
        [warning] = scene.warnings()
        assert f"{scene.git.place} cannot be written" in warning
        tags.unlink()
        assert not scene.lineages.attend()
        assert scene.pushed(saved) == "PUSHED"

    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (lambda git: git("tag", "best"), "has a tag best already, on something else"),
            (lambda git: git("rm", "-q", "--cached", "learner.py"), "is in no git repository any more"),
        ],
    )
    def test_what_never_works_is_refused(self, scene: Scene, spoil: Callable[[Git], object], told: str) -> None:
        """It is told once, also after a restart in between, and the checkpoint stays in the zoo."""
        saved = scene.save("best")
        spoil(scene.git)
        if scene.git("status", "--porcelain"):
            scene.git("commit", "-qm", "Spoil")
        assert not scene.lineages.attend()
        zoo.put(scene.store, Collections.CHECKPOINTS, dict(saved))
        assert not scene.begin().attend()

        [warning] = scene.warnings()
        assert told in warning
        assert scene.pushed(saved) == "REFUSED"
        assert Repository(scene.bucket, "mod_learner").verify("best").id == saved["id"]

    def test_repository_that_was_made_anew(self, scene: Scene) -> None:
        """A lineage of another history is not pushed; what was saved on the new one is."""
        old = scene.save("old")
        scene.git("checkout", "-q", "--orphan", "anew")
        new = scene.save("new", 2, base=scene.git.commit("learner.py", "two = 2\n"))
        scene.git("branch", "-q", "-D", "main")
        scene.git("reflog", "expire", "--expire=now", "--all")
        scene.git("gc", "-q", "--prune=now")
        assert not scene.lineages.attend()
        assert (scene.pushed(old), scene.pushed(new)) == ("REFUSED", "PUSHED")
        [warning] = scene.warnings()
        assert f"has no commit {scene.base}, which the lineage began with" in warning
        scene.git.check()

    def test_lineage_that_began_before_git(self, scene: Scene) -> None:
        """Nothing before it is in the source's repository, which is told."""
        root = scene.save("root", base=None)
        saved = scene.save("best", 2, grew_from=root["commit"])
        assert not scene.lineages.attend()
        assert scene.pushed(saved) == "REFUSED"
        assert "began before the source was in git" in scene.warnings()[0]

    def test_tag_of_a_damaged_repository_is_withdrawn_once_it_is_mended(self, scene: Scene) -> None:
        """Nothing else waits for it meanwhile, and the note stays."""
        gone = scene.save("gone")
        scene.lineages.attend()
        scene.delete(gone)
        packed = scene.git.place / ".git/packed-refs"
        packed.write_text("nonsense\n")
        (scene.git.place / ".git/refs/tags/gone").unlink()
        for _ in range(2 * TOLD_AFTER):
            assert scene.lineages.attend()
        assert len(scene.withdrawals()) == 1
        packed.unlink()
        assert not scene.lineages.attend()
        assert scene.withdrawals() == []

    def test_model_that_is_gone_may_come_back(self, scene: Scene) -> None:
        """What waits for a model that is not offered now is neither pushed nor given up, and in nobody's way."""
        saved = scene.save("best")
        scene.store.transact(lambda transaction: transaction.delete(Ref(Collections.MODELS, "mod_learner")))
        assert scene.lineages.attend()
        assert (scene.pushed(saved), scene.warnings()) == ("WAITING", [])
        scene.offer()
        assert not scene.lineages.attend()
        assert scene.pushed(saved) == "PUSHED"

    def test_detached_head_and_shallow_clone(self, scene: Scene, tmp_path: Path) -> None:
        """Tags hang on the commit, whatever HEAD is called and whatever is known before it."""
        scene.git.commit("learner.py", "two = 2\n")
        scene.git("clone", "-q", "--depth", "1", scene.git.place.as_uri(), str(tmp_path / "shallow"))
        shallow = scene.git.at(tmp_path / "shallow")
        shallow("checkout", "-q", "--detach")
        scene.git = shallow
        saved = scene.save("best", base=shallow("rev-parse", "HEAD"))
        assert not scene.begin().attend()
        assert scene.pushed(saved) == "PUSHED"
        shallow.check()

    def test_store_that_is_away_for_a_moment(self, scene: Scene) -> None:
        """The thread goes on: what waits is done once the store is back, without another word."""
        saved = scene.save("best")
        done = threading.Event()

        class Away:
            def __init__(self) -> None:
                self.failures = 2

            def __getattr__(self, name: str) -> Any:
                return getattr(scene.store, name)

            def query(self, *arguments: Any) -> Any:
                self.failures -= 1
                if self.failures >= 0:
                    raise Transient("the store is away")
                return scene.store.query(*arguments)

            def transact(self, change: Any) -> Any:
                answer = scene.store.transact(change)
                done.set()
                return answer

        store: Any = Away()
        provenance = Provenance(scene.git.place, {}, at_hand=True)
        lineages = Lineages(store=store, bucket=scene.bucket, clock=scene.clock, provenance=provenance)
        lineages.start()
        try:
            assert done.wait(30)
        finally:
            lineages.close()
        assert scene.pushed(saved) == "PUSHED"
        assert scene.warnings() == []
