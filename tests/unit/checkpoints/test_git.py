"""What plain git makes of a clone."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Repository, SourceRepository, clone
from ainimal_zookeeper.checkpoints.history import MAX_BYTES, MAX_OBJECTS
from ainimal_zookeeper.domain.errors import AlreadyExists, DataCorrupt, NotFound
from dulwich.objects import ObjectID

from tests.unit.checkpoints.lineage import ADA, NOON, Git, snapshot, upload


def source_of(git: Git) -> SourceRepository:
    found = SourceRepository.find(git.place / "pilot.py")
    assert found is not None
    return found


def test_log_shows_the_lineage(repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path) -> None:
    """Branches of training are branches of the graph, with their tags, down to the code that they began with."""
    root = repository.save(snapshot(bucket, 1), "root")
    left = repository.save(snapshot(bucket, 2, root.commit), "left")
    repository.save(snapshot(bucket, 3, root.commit), "right")
    made = clone(repository, tmp_path / "clone")
    cloned = git.at(made.directory)

    cloned.check()
    assert (made.tags, made.newest, made.shallow) == (3, "right", ())
    graph = cloned("log", "--graph", "--decorate", "--all", "--format=%d %an <%ae> %s").splitlines()
    assert [line.rstrip() for line in graph] == [
        "*  (HEAD -> main, tag: right) Ada Lovelace <usr_ada> Pilot: timeline 1, step 3 (episode 0)",
        "| *  (tag: left) Ada Lovelace <usr_ada> Pilot: timeline 1, step 2 (episode 0)",
        "|/",
        "*  (tag: root) Ada Lovelace <usr_ada> Pilot: timeline 1, step 1 (episode 0)",
        "*  AInimal Zookeeper <zoo> Code of Pilot at r1",
    ]
    assert cloned("rev-parse", "left^{commit}") == left.commit
    assert f"{left.commit} refs/tags/left^{{}}" in cloned("show-ref", "--tags", "--dereference")
    assert f"{left.commit}\trefs/tags/left^{{}}" in git("ls-remote", str(made.directory))
    assert cloned("status", "--porcelain") == ""


def test_diff_shows_what_changed(repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path) -> None:
    """Between two tags: a line for each fact that differs, and the pointers of the files that do."""
    same = upload(bucket, b"same", "same.bin")
    before = snapshot(
        bucket, 1, parameters={"learning_rate": 0.1, "layers": [8, 8]}, payload=(same, upload(bucket, b"one"))
    )
    first = repository.save(before, "a")
    after = snapshot(
        bucket,
        1,
        first.commit,
        parameters={"learning_rate": 0.2, "layers": [8, 8]},
        payload=(same, upload(bucket, b"two!")),
    )
    repository.save(after, "b")
    cloned = git.at(clone(repository, tmp_path / "clone").directory)

    changed = cloned("diff", "--unified=0", "a", "b").splitlines()
    assert [line for line in changed if line[:5] in {"-    ", "+    "}][:2] == [
        '-    "learning_rate": 0.1',
        '+    "learning_rate": 0.2',
    ]
    assert cloned("diff", "--name-only", "a", "b").splitlines() == ["manifest.json", "payload/state.safetensors"]
    assert cloned("diff", "a", "b", "--", "payload").endswith(
        "-size 3\n+oid sha256:" + sha256(b"two!").hexdigest() + "\n+size 4"
    )


def test_pointers_are_those_of_git_lfs(
    repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path
) -> None:
    """They lie in the work tree, marked for git-lfs, and the files lie where it looks for them, if wanted."""
    file = upload(bucket, b"weights" * 1000, "model/weights.bin")
    repository.save(snapshot(bucket, payload=(file,)), "a")
    made = clone(repository, tmp_path / "clone", payload=True)

    pointer = (made.directory / "payload/model/weights.bin").read_text()
    assert pointer == f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.sha256}\nsize 7000\n"
    stored = made.directory / ".git/lfs/objects" / file.sha256[:2] / file.sha256[2:4] / file.sha256
    assert stored.read_bytes() == b"weights" * 1000
    assert made.payload_bytes == 7000
    assert "filter: lfs" in git.at(made.directory)("check-attr", "filter", "payload/model/weights.bin")
    assert "filter: unspecified" in git.at(made.directory)("check-attr", "filter", "manifest.json")


def test_payload_is_checked_on_its_way(repository: Repository, bucket: DirectoryBucket, tmp_path: Path) -> None:
    """A file that has been altered, or is gone, makes no clone."""
    file = upload(bucket, b"weights")
    repository.save(snapshot(bucket, payload=(file,)), "a")
    bucket.put(file.object, b"Weights")
    with pytest.raises(DataCorrupt, match=f"{file.object} .payload state.safetensors. has been altered"):
        clone(repository, tmp_path / "clone", payload=True)
    bucket.delete(file.object)
    with pytest.raises(DataCorrupt, match=f"{file.object} does not exist"):
        clone(repository, tmp_path / "clone", payload=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bucket"]


def test_history_of_the_code_is_in_the_clone(
    repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path
) -> None:
    """A small history comes along: the code at each beginning can be seen, also where that has moved on."""
    git.commit("pilot.py", "one = 1\n")
    first = git.commit("lib/net.py", "layers = 2\n")
    repository.save(snapshot(bucket, 1, commit=first), "a", source=source_of(git))
    git("checkout", "-qb", "wild", "HEAD~1")
    second = git.commit("pilot.py", "two = 2\n")
    repository.save(snapshot(bucket, 2, commit=second), "b", source=source_of(git))
    made = clone(repository, tmp_path / "clone")
    cloned = git.at(made.directory)

    cloned.check()
    assert made.shallow == ()
    assert cloned("show", "b~1:pilot.py") == "two = 2"
    assert cloned("show", "a~1:lib/net.py") == "layers = 2"
    assert cloned("log", "--format=%H", "a").splitlines()[1:] == git("log", "--format=%H", first).splitlines()
    sizes = [info.size_bytes for info in bucket.list("repositories/mod_1/history/")]
    assert len(sizes) == 2
    assert repository.history.keep(source_of(git), ObjectID(first.encode()))
    assert [info.size_bytes for info in bucket.list("repositories/mod_1/history/")] == sizes


@pytest.mark.parametrize(("files", "size_bytes"), [(MAX_OBJECTS, 8), (1, MAX_BYTES)])
def test_long_history_stays_where_it_is(
    repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path, files: int, size_bytes: int
) -> None:
    """The clone ends before it, and is whole for git; a fetch from the source's repository completes it."""
    for index in range(files):
        (git.place / f"{index}.txt").write_text(f"{index:08}".ljust(size_bytes))
    git("add", ".")
    git.commit("pilot.py", "one = 1\n")
    base = git.commit("pilot.py", "two = 2\n")
    root = repository.save(snapshot(bucket, 1, commit=base), "a", source=source_of(git))
    repository.save(snapshot(bucket, 2, root.commit), "b")
    made = clone(repository, tmp_path / "clone")
    cloned = git.at(made.directory)

    cloned.check()
    assert made.shallow == (root.commit,)
    assert len(cloned("log", "--format=%h").splitlines()) == 2
    cloned("fetch", "-q", str(git.place), "main")
    (made.directory / ".git/shallow").unlink()
    cloned.check()
    assert len(cloned("log", "--format=%h").splitlines()) == 4


def test_history_that_is_not_whole_is_not_kept(
    repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path
) -> None:
    """A source that is a shallow clone itself has no beginning to give."""
    git.commit("pilot.py", "one = 1\n")
    base = git.commit("pilot.py", "two = 2\n")
    git("clone", "-q", "--depth=1", f"file://{git.place}", str(tmp_path / "shallow"))
    source = SourceRepository.find(tmp_path / "shallow" / "pilot.py")
    saved = repository.save(snapshot(bucket, commit=base), "a", source=source)
    made = clone(repository, tmp_path / "clone")

    git.at(made.directory).check()
    assert made.shallow == (saved.commit,)


def test_source_that_is_gone_stops_no_save(
    repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path
) -> None:
    """What was trained is worth more than the history of its code: it is kept without."""
    base = git.commit("pilot.py", "one = 1\n")
    source = source_of(git)
    (git.place / ".git").rename(tmp_path / "elsewhere")
    saved = repository.save(snapshot(bucket, commit=base), "a", source=source)
    (tmp_path / "elsewhere").rename(git.place / ".git")
    blob = git("rev-parse", "HEAD:pilot.py")
    (git.place / ".git/objects" / blob[:2] / blob[2:]).chmod(0o600)
    (git.place / ".git/objects" / blob[:2] / blob[2:]).write_bytes(b"garbage")
    assert not repository.history.keep(source, ObjectID(base.encode()))
    assert clone(repository, tmp_path / "clone").shallow == (saved.commit,)


def test_altered_history_is_told(repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path) -> None:
    """A pack that cannot be read is named, and no clone is made."""
    base = git.commit("pilot.py", "one = 1\n")
    repository.save(snapshot(bucket, commit=base), "a", source=source_of(git))
    (pack,) = bucket.list("repositories/mod_1/history/")
    whole = bucket.get(pack.name)
    for damaged in (b"", whole[:-30], whole[:20] + b"garbage" + whole[27:], b"PACK" + b"\0" * 50):
        bucket.put(pack.name, damaged)
        with pytest.raises(DataCorrupt, match="history"):
            clone(repository, tmp_path / "clone")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bucket", "source"]


def test_clone_holds_what_is_tagged(repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path) -> None:
    """Deleted tags are not in it, but for those that others grew from; a checkpoint with two tags has both."""
    root = repository.save(snapshot(bucket, 1), "root")
    middle = repository.save(snapshot(bucket, 2, root.commit), "middle")
    repository.save(snapshot(bucket, 3, middle.commit), "last")
    repository.save(snapshot(bucket, 4, root.commit), "gone")
    repository.tag("best", "last", ADA, NOON, "my favourite")
    repository.delete("middle")
    repository.delete("gone")
    cloned = git.at(clone(repository, tmp_path / "clone").directory)

    cloned.check()
    assert cloned("tag").splitlines() == ["best", "last", "root"]
    assert cloned("for-each-ref", "--format=%(contents:subject)", "refs/tags/best") == "my favourite"
    assert len(cloned("log", "--format=%h", "--all").splitlines()) == 4


def test_names_in_any_script(repository: Repository, bucket: DirectoryBucket, git: Git, tmp_path: Path) -> None:
    """Tags, files and parameters are as they were written."""
    file = upload(bucket, b"x", "重み/ä b.bin")
    repository.save(snapshot(bucket, payload=(file,), parameters={"größe": "🦙"}), "最高")
    made = clone(repository, tmp_path / "clone")
    cloned = git.at(made.directory)

    cloned.check()
    assert (made.directory / "payload/重み/ä b.bin").is_file()
    assert cloned("tag") == "最高"
    assert '"größe": "🦙"' in cloned("show", "最高:manifest.json")


def test_directory_must_be_empty(repository: Repository, bucket: DirectoryBucket, tmp_path: Path) -> None:
    """Nothing that is there is ever written over; an empty directory will do, and one whose parents are missing."""
    repository.save(snapshot(bucket), "a")
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("mine")
    for place in (full, full / "mine"):
        with pytest.raises(AlreadyExists, match="is not empty"):
            clone(repository, place)
    assert [path.name for path in full.iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    assert (clone(repository, tmp_path / "empty").directory / ".git").is_dir()
    assert (clone(repository, tmp_path / "a" / "b").directory / ".git").is_dir()


def test_model_without_checkpoints(repository: Repository, tmp_path: Path) -> None:
    """There is nothing to clone, and nothing is made."""
    with pytest.raises(NotFound, match="the model mod_1 has no checkpoints to clone"):
        clone(repository, tmp_path / "clone")
    assert not (tmp_path / "clone").exists()
