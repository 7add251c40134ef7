"""Where a model's source is kept, and tags that are pushed there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Repository, SourceRepository, SourceState, push
from ainimal_zookeeper.checkpoints.pushing import withdraw
from ainimal_zookeeper.domain.errors import AlreadyExists, DataCorrupt, InvalidInput, NotFound, Transient

from tests.fakes.bucket import CountingBucket
from tests.unit.checkpoints.lineage import Git, snapshot


class Meanwhile(CountingBucket):
    """A bucket that is so slow that something happens while the last object is read."""

    def __init__(self, inner: DirectoryBucket, event: Callable[[], object]) -> None:
        super().__init__(inner)
        self._event = event

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        if self.calls["get"] == 4:
            self._event()
        return super().get(name, start, end)


@pytest.fixture
def base(git: Git) -> str:
    """The commit that the source is at."""
    return git.commit("pilot.py", "one = 1\n")


@pytest.fixture
def source(git: Git, base: str) -> SourceRepository:
    found = SourceRepository.find(git.place / "pilot.py")
    assert found is not None
    return found


def everything_but_tags(git: Git) -> tuple[str, ...]:
    index = (git.place / ".git/index").read_bytes().hex()
    files = sorted(str(path) for path in git.place.rglob("*") if ".git" not in path.parts)
    return (index, *files, git("branch", "-a"), git("rev-parse", "HEAD"), git("status", "--porcelain"), git("reflog"))


class TestFinding:
    def test_tells_where_the_source_stands(self, git: Git, base: str, source: SourceRepository) -> None:
        """HEAD's commit, the name in the repository, and whether the file is still what it was there."""
        assert source.state() == SourceState(base, "pilot.py", modified=False)
        (git.place / "pilot.py").write_text("two = 2\n")
        assert source.state() == SourceState(base, "pilot.py", modified=True)
        newer = git.commit("pilot.py", "two = 2\n")
        assert source.state() == SourceState(newer, "pilot.py", modified=False)
        git("checkout", "-q", "--detach", base)
        assert source.state() == SourceState(base, "pilot.py", modified=False)

    def test_finds_folders_and_links(self, git: Git, base: str, tmp_path: Path) -> None:
        """A model may be a folder, or be named by a link from elsewhere."""
        git.commit("zoo/pilot/__init__.py", "")
        (tmp_path / "link").symlink_to(git.place / "zoo" / "pilot")
        found = SourceRepository.find(tmp_path / "link")
        assert found is not None
        state = found.state()
        assert state is not None
        assert (state.path, state.modified) == ("zoo/pilot", False)
        (git.place / "zoo/pilot/__init__.py").unlink()
        state = found.state()
        assert state is not None
        assert state.modified

    def test_source_that_git_does_not_have(self, git: Git, base: str, tmp_path: Path) -> None:
        """A file that is new, ignored, or outside is in no repository, so nothing is ever pushed there."""
        (git.place / "new.py").write_text("")
        (tmp_path / "outside.py").write_text("")
        for file in (git.place / "new.py", tmp_path / "outside.py", git.place / "absent.py", git.place / ".git/config"):
            assert SourceRepository.find(file) is None

    def test_repository_without_commits(self, git: Git) -> None:
        """There is nothing to begin with yet."""
        (git.place / "pilot.py").write_text("")
        assert SourceRepository.find(git.place / "pilot.py") is None

    def test_source_that_git_has_no_more(self, git: Git, base: str, source: SourceRepository) -> None:
        """Where it stands cannot be told any longer."""
        git("rm", "-q", "--cached", "pilot.py")
        git("commit", "-qm", "Remove it")
        assert source.state() is None

    def test_worktrees_are_found(self, git: Git, base: str, tmp_path: Path) -> None:
        """A second work tree of a repository is one place more where its source lies."""
        git("worktree", "add", "-q", "-b", "other", str(tmp_path / "second"))
        found = SourceRepository.find(tmp_path / "second" / "pilot.py")
        assert found is not None
        assert found.state() == SourceState(base, "pilot.py", modified=False)

    def test_repository_that_cannot_be_read(self, git: Git, base: str, source: SourceRepository) -> None:
        """An extension of git that is not known is named, rather than what may follow from it."""
        git("config", "core.repositoryformatversion", "1")
        git("config", "extensions.futuristic", "true")
        with pytest.raises(InvalidInput, match=r"cannot be read: .*futuristic"):
            SourceRepository.find(git.place / "pilot.py")
        with pytest.raises(InvalidInput, match="cannot be read"):
            source.state()

    def test_ids_of_another_kind(self, git: Git, tmp_path: Path) -> None:
        """A repository with SHA-256 ids has no commit that could come before one of ours, and that is said."""
        place = tmp_path / "long"
        place.mkdir()
        other = git.at(place)
        other("init", "-q", "--object-format=sha256")
        other.commit("pilot.py", "")
        with pytest.raises(InvalidInput, match="ids of another kind than SHA-1"):
            SourceRepository.find(place / "pilot.py")

    def test_search_ends_where_git_ends_it(self, git: Git, base: str) -> None:
        """A folder that is a ceiling is not looked into from below, but the source's own is."""
        git.commit("zoo/pilot.py", "")
        assert SourceRepository.find(git.place / "zoo/pilot.py", [git.place]) is None
        assert SourceRepository.find(git.place / "pilot.py", [git.place]) is not None

    def test_submodules_are_repositories_of_their_own(self, git: Git, base: str, tmp_path: Path) -> None:
        """What lies in a submodule stands where that stands, not the repository around it."""
        (tmp_path / "around").mkdir()
        around = git.at(tmp_path / "around")
        around("init", "-q", "-b", "main")
        around("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(git.place), "models")
        around("commit", "-qm", "Add models")
        found = SourceRepository.find(around.place / "models" / "pilot.py")
        assert found is not None
        assert found.state() == SourceState(base, "pilot.py", modified=False)
        assert around("rev-parse", "HEAD") != base

    def test_repository_that_is_damaged(self, git: Git, base: str, source: SourceRepository) -> None:
        """An object that cannot be read is told, whatever git's format makes of it."""
        place = git.place / ".git/objects" / base[:2] / base[2:]
        place.chmod(0o644)
        place.write_bytes(b"no object")
        with pytest.raises(InvalidInput, match="is damaged"):
            source.state()

    def test_references_that_are_damaged(self, git: Git, base: str, source: SourceRepository) -> None:
        """A list of packed references that is none is told with the repository, whoever meets it."""
        assert source.state() is not None
        git("pack-refs", "--all")
        (git.place / ".git/packed-refs").write_text("nonsense\n")
        for look in (source.state, lambda: SourceRepository.find(git.place / "learner.py")):
            with pytest.raises(InvalidInput, match="is damaged"):
                look()
        with pytest.raises(InvalidInput, match="is damaged"):
            withdraw(source, "best", base)


class TestWithdrawing:
    def test_a_pushed_tag_is_taken_away(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, source: SourceRepository
    ) -> None:
        """It goes, loose or packed; a second time there is nothing to do."""
        for tag in ("loose", "packed"):
            repository.save(snapshot(bucket, commit=base), tag)
            push(repository, tag, source)
            if tag == "packed":
                git("pack-refs", "--all")
            target = git("rev-parse", tag)
            assert withdraw(source, tag, target)
            assert not withdraw(source, tag, target)
        assert git("tag") == ""
        git.check()

    def test_another_tag_of_that_name_stays(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, source: SourceRepository
    ) -> None:
        """Who made a tag anew, even of the same commit, keeps it."""
        repository.save(snapshot(bucket, commit=base), "best")
        push(repository, "best", source)
        target = git("rev-parse", "best")
        git("tag", "-f", "best", "best^{commit}")
        assert not withdraw(source, "best", target)
        assert git("tag") == "best"

    def test_locked_tag_is_transient(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, source: SourceRepository
    ) -> None:
        """While git writes it, it is to be tried again."""
        repository.save(snapshot(bucket, commit=base), "best")
        push(repository, "best", source)
        (git.place / ".git/refs/tags/best.lock").write_text("")
        with pytest.raises(Transient, match="is locked"):
            withdraw(source, "best", git("rev-parse", "best"))


class TestPushing:
    def test_tags_stand_beside_the_code(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, source: SourceRepository
    ) -> None:
        """The lineage hangs on the commit that it began with, and nothing but tags is new."""
        before = everything_but_tags(git)
        root = repository.save(snapshot(bucket, 1, commit=base), "root", source=source)
        repository.save(snapshot(bucket, 2, root.commit, commit=base), "best", source=source)

        assert push(repository, "root", source)
        assert push(repository, "best", source)
        assert not push(repository, "best", source)
        git.check()
        assert everything_but_tags(git) == before
        assert git("log", "--format=%D", "best").splitlines() == ["tag: best", "tag: root", "HEAD -> main"]
        assert git("cat-file", "-t", "best") == "tag"

    def test_brings_what_it_grew_from(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, source: SourceRepository
    ) -> None:
        """Checkpoints that were never pushed come along, without their tags."""
        root = repository.save(snapshot(bucket, 1, commit=base), "root")
        repository.save(snapshot(bucket, 2, root.commit), "best")
        repository.delete("root")
        assert push(repository, "best", source)
        git.check()
        assert git("tag") == "best"
        assert len(git("log", "--format=%h", "best").splitlines()) == 3

    @pytest.mark.parametrize("packed", [False, True])
    def test_never_replaces_a_tag(
        self,
        repository: Repository,
        bucket: DirectoryBucket,
        git: Git,
        base: str,
        source: SourceRepository,
        packed: bool,
    ) -> None:
        """A tag of that name stays what it is, whoever made it."""
        git("tag", "best")
        if packed:
            git("pack-refs", "--all")
        repository.save(snapshot(bucket, commit=base), "best")
        with pytest.raises(AlreadyExists, match="has a tag best already, on something else; it stays"):
            push(repository, "best", source)
        assert git("rev-parse", "best") == base

    def test_tag_that_appears_meanwhile_stays(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, source: SourceRepository
    ) -> None:
        """Whoever makes a tag of that name while we push keeps it."""
        repository.save(snapshot(bucket, commit=base), "best")
        slow = Repository(Meanwhile(bucket, lambda: git("tag", "best")), "mod_1")
        with pytest.raises(AlreadyExists, match="has a tag best already"):
            push(slow, "best", source)
        assert git("rev-parse", "best") == base

    def test_lineage_of_another_history(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, source: SourceRepository
    ) -> None:
        """Where the source's history does not have the commit that it began with, nothing is written."""
        root = repository.save(snapshot(bucket, 1, commit="ab" * 20), "root")
        repository.save(snapshot(bucket, 2, root.commit), "best")
        repository.save(snapshot(bucket, 3), "older")
        with pytest.raises(InvalidInput, match=f"has no commit {'ab' * 20}, which the lineage began with"):
            push(repository, "best", source)
        with pytest.raises(InvalidInput, match="began before the source was in git"):
            push(repository, "older", source)
        assert git("count-objects").startswith("3 objects")
        assert git("tag") == ""

    def test_missing_checkpoint_is_not_another_history(
        self, repository: Repository, bucket: DirectoryBucket, base: str, source: SourceRepository
    ) -> None:
        """A lineage with a hole is damage, and told as such."""
        root = repository.save(snapshot(bucket, 1, commit=base), "root")
        repository.save(snapshot(bucket, 2, root.commit), "best")
        bucket.delete(f"repositories/mod_1/objects/{root.commit[:2]}/{root.commit[2:]}")
        with pytest.raises(DataCorrupt, match=f"git object {root.commit}, a checkpoint of mod_1, is missing"):
            push(repository, "best", source)
        with pytest.raises(NotFound, match="no checkpoint with the tag unknown"):
            push(repository, "unknown", source)

    def test_locked_tag_is_transient(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, source: SourceRepository
    ) -> None:
        """While git writes the same tag, it is to be tried again; then it works."""
        repository.save(snapshot(bucket, commit=base), "best")
        lock = git.place / ".git/refs/tags/best.lock"
        lock.write_text("")
        with pytest.raises(Transient, match="is locked"):
            push(repository, "best", source)
        lock.unlink()
        assert push(repository, "best", source)
        git.check()

    def test_repository_that_cannot_be_written(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, source: SourceRepository
    ) -> None:
        """A disk that does not do what it should is told with the place, and can be mended."""
        repository.save(snapshot(bucket, commit=base), "best")
        tags = git.place / ".git/refs/tags"
        tags.rmdir()
        tags.write_text("in the way")
        with pytest.raises(Transient, match=f"{git.place} cannot be written"):
            push(repository, "best", source)
        tags.unlink()
        assert push(repository, "best", source)

    def test_pushes_from_a_second_work_tree(
        self, repository: Repository, bucket: DirectoryBucket, git: Git, base: str, tmp_path: Path
    ) -> None:
        """Tags belong to the repository, not to one of its work trees."""
        git("worktree", "add", "-q", "-b", "other", str(tmp_path / "second"))
        source = SourceRepository.find(tmp_path / "second" / "pilot.py")
        assert source is not None
        repository.save(snapshot(bucket, commit=base), "best", source=source)
        assert push(repository, "best", source)
        assert git("tag") == "best"
        git.check()
