"""Stored bytes that are not what they were: each case is told by its name, and nothing else breaks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Checkpoint, Repository, clone
from ainimal_zookeeper.checkpoints.commits import MANIFEST
from ainimal_zookeeper.domain.errors import DataCorrupt
from dulwich.lfs import LFSPointer
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag, Tree

from tests.unit.checkpoints.lineage import ADA, snapshot

PREFIX = "repositories/mod_1/"


def place_of(id: ObjectID) -> str:
    return f"{PREFIX}objects/{id.decode()[:2]}/{id.decode()[2:]}"


@pytest.fixture
def saved(repository: Repository, bucket: DirectoryBucket) -> Checkpoint:
    root = repository.save(snapshot(bucket, 1), "root")
    return repository.save(snapshot(bucket, 2, root.commit), "best")


def parts(repository: Repository, saved: Checkpoint) -> dict[str, ObjectID]:
    """Returns the git objects of the checkpoint by what they are."""
    annotated = repository.tags.get("best")
    assert annotated is not None
    commit = ObjectID(saved.commit.encode())
    tree = repository.objects.read(repository.objects.read(commit, Commit, "it").tree, Tree, "it")
    folder = tree[b"payload"][1]
    pointer = repository.objects.read(folder, Tree, "it")[b"state.safetensors"][1]
    return {
        "tag": annotated,
        "commit": commit,
        "tree": tree.id,
        "manifest": tree[MANIFEST][1],
        "folder": folder,
        "pointer": pointer,
        "parent": ObjectID(saved.parents[0].encode()),
    }


@pytest.mark.parametrize("part", ["tag", "commit", "tree", "manifest", "folder", "pointer", "parent"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda _: b"garbage" * 9,
        lambda _: Blob.from_string(b"another").as_legacy_object(),
        None,
    ],
    ids=["empty", "short", "garbage", "another", "missing"],
)
def test_every_object_is_checked(
    repository: Repository,
    bucket: DirectoryBucket,
    saved: Checkpoint,
    tmp_path: Path,
    part: str,
    damage: Callable[[bytes], bytes] | None,
) -> None:
    """Whichever object of a checkpoint is gone or altered, it is named, and no clone is made."""
    place = place_of(parts(repository, saved)[part])
    if damage is None:
        bucket.delete(place)
    else:
        bucket.put(place, damage(bucket.get(place)))
    digits = place.removeprefix(f"{PREFIX}objects/").replace("/", "/?")

    with pytest.raises(DataCorrupt, match=digits):
        repository.verify("best")
    with pytest.raises(DataCorrupt, match=digits):
        clone(repository, tmp_path / "clone")
    assert not (tmp_path / "clone").exists()
    repository.delete("best")


def test_payload_that_is_gone_or_altered(repository: Repository, bucket: DirectoryBucket, saved: Checkpoint) -> None:
    """A checkpoint whose files are not whole says which is not."""
    (file,) = saved.manifest.payload
    bucket.put(file.object, b"another")
    with pytest.raises(DataCorrupt, match=rf"{file.object} \(payload state.safetensors\) is not what was saved"):
        repository.verify("best")
    bucket.delete(file.object)
    with pytest.raises(DataCorrupt, match=rf"{file.object} \(payload state.safetensors\) does not exist"):
        repository.verify("best")


@pytest.mark.parametrize("content", [b"", b"garbage", b"0" * 40, b"g" * 40 + b"\n", b"0" * 41, b"0" * 64 + b"\n"])
def test_tag_that_names_no_object(repository: Repository, bucket: DirectoryBucket, content: bytes) -> None:
    """What is no id is not followed."""
    bucket.put(f"{PREFIX}refs/tags/best", content)
    with pytest.raises(DataCorrupt, match=f"{PREFIX}refs/tags/best names no git object"):
        repository.read("best")


def forged(repository: Repository, files: dict[bytes, bytes]) -> ObjectID:
    """Writes a commit of files that the zoo would not write. Returns it."""
    folders: dict[bytes, Tree] = {b"": Tree(), b"payload": Tree()}
    for path, content in files.items():
        folder, _, name = path.rpartition(b"/")
        blob = Blob.from_string(content)
        repository.objects.add(blob)
        folders[folder].add(name, 0o100644, blob.id)
    folders[b""].add(b"payload", 0o040000, folders[b"payload"].id)
    commit = Commit()
    commit.tree = folders[b""].id
    commit.author = commit.committer = b"Eve <eve>"
    commit.author_time = commit.commit_time = 0
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = b"forged"
    written: tuple[ShaFile, ...] = (*folders.values(), commit)
    for item in written:
        repository.objects.add(item)
    return commit.id


def tagged(repository: Repository, name: bytes, kind: type[ShaFile], target: ObjectID) -> None:
    annotated = Tag()
    annotated.name = name
    annotated.object = (kind, target)
    annotated.tagger = b"Eve <eve>"
    annotated.tag_time = 0
    annotated.tag_timezone = 0
    annotated.message = b"forged"
    repository.objects.add(annotated)
    repository.tags.create("forged", annotated.id)


def test_tag_of_something_else(repository: Repository, saved: Checkpoint) -> None:
    """A tag that was written under another name, or on no commit, is no checkpoint."""
    tagged(repository, b"other", Commit, ObjectID(saved.commit.encode()))
    with pytest.raises(DataCorrupt, match="the tag forged is one of something else: b'other'"):
        repository.read("forged")
    repository.delete("forged")
    tagged(repository, b"forged", Tree, parts(repository, saved)["tree"])
    with pytest.raises(DataCorrupt, match="the tag forged is one of something else"):
        repository.read("forged")


def test_manifest_that_is_none(repository: Repository) -> None:
    """A commit without one, or with one that is no JSON, is no checkpoint."""
    for content in ({}, {MANIFEST: b"{"}, {MANIFEST: b"\xff"}):
        with pytest.raises(DataCorrupt, match="manifest"):
            repository.read(forged(repository, content).decode())


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [
        (b"the weights themselves", "is no pointer"),
        (b"", "is no pointer"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:zz\nsize 5\n", "is no pointer"),
        (LFSPointer("0" * 64, 5).to_bytes() + b"more\n", "is no pointer"),
        (LFSPointer("0" * 64, 5).to_bytes(), "points to other bytes"),
    ],
)
def test_pointer_that_is_none(repository: Repository, saved: Checkpoint, pointer: bytes, reason: str) -> None:
    """Pointers and manifest say the same, or the checkpoint is not whole."""
    manifest = repository.objects.read(parts(repository, saved)["manifest"], Blob, "it").data
    made = forged(repository, {MANIFEST: manifest, b"payload/state.safetensors": pointer}).decode()
    assert repository.read(made).manifest == saved.manifest
    with pytest.raises(DataCorrupt, match=f"payload/state.safetensors of {made} {reason}"):
        repository.verify(made)


def test_commit_of_an_impossible_time(repository: Repository, saved: Checkpoint) -> None:
    """A time that no calendar has is told, not raised as something else."""
    commit = repository.objects.read(ObjectID(saved.commit.encode()), Commit, "it")
    late = Commit.from_string(commit.as_raw_string())
    late.commit_time = 10**15
    repository.objects.add(late)
    with pytest.raises(DataCorrupt, match="no time that can be"):
        repository.read(late.id.decode())
    assert (saved.saved_at, saved.author) == (datetime(2026, 1, 1, 12, 0, 2, tzinfo=timezone.utc), ADA)
