"""Saving, reading, tagging and deleting."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Author, PayloadFile, Repository, commit_in
from ainimal_zookeeper.domain.errors import AlreadyExists, Conflict, DataCorrupt, InvalidInput, NotFound

from tests.unit.checkpoints.lineage import ADA, NOON, snapshot, upload


def test_reads_what_was_saved(repository: Repository, bucket: DirectoryBucket) -> None:
    """By its tag, its id and its commit a checkpoint is the same; only a tag has a note."""
    taken = replace(snapshot(bucket, 7), note="drives well\n\nalmost")
    saved = repository.save(taken, "best")
    assert repository.read("best") == repository.verify("best") == saved
    assert (saved.tag, saved.note, saved.manifest) == ("best", "drives well\n\nalmost", taken.manifest)
    assert (saved.author, saved.saved_at) == (ADA, taken.saved_at)
    untagged = replace(saved, tag=None, note="")
    assert repository.read(saved.id) == repository.read(saved.commit) == untagged
    assert list(repository) == ["best"]
    assert saved.size_bytes == len(b"ins_1 at 7")


def test_saving_again_is_success(repository: Repository, bucket: DirectoryBucket) -> None:
    """Whoever does not know whether a save came through repeats it."""
    first = repository.save(snapshot(bucket, 1), "a")
    assert repository.save(snapshot(bucket, 1), "a") == first
    assert Repository(bucket, "mod_2").save(snapshot(bucket, 1), "b").commit == first.commit


def test_grows_from_the_one_before(repository: Repository, bucket: DirectoryBucket) -> None:
    """Parents are the checkpoints that each grew from; two may grow from one."""
    root = repository.save(snapshot(bucket, 1), "root")
    left = repository.save(snapshot(bucket, 2, root.commit), "left")
    right = repository.save(snapshot(bucket, 3, root.commit), "right")
    assert left.parents == right.parents == (root.commit,)
    assert (root.grew_from, left.grew_from) == (None, root.id)
    assert commit_in(root.id) == commit_in(root.commit) == root.commit


def test_lineages_of_equal_code_begin_at_one_commit(repository: Repository, bucket: DirectoryBucket) -> None:
    """Code without a git history is a commit that names it, the same for all that ran it."""
    first = repository.save(snapshot(bucket, 1), "first")
    second = repository.save(snapshot(bucket, 2, instance_id="ins_2"), "second")
    assert first.parents == second.parents
    with pytest.raises(DataCorrupt, match=r"has no manifest\.json"):
        repository.read(first.parents[0])


def test_begins_at_the_commit_of_its_code(repository: Repository, bucket: DirectoryBucket) -> None:
    """Where the source is in git, its commit comes before the first checkpoint, whether it is at hand or not."""
    assert repository.save(snapshot(bucket, 1, commit="ab" * 20), "a").parents == ("ab" * 20,)
    assert repository.verify("a").parents == ("ab" * 20,)


def test_taken_tag_is_refused(repository: Repository, bucket: DirectoryBucket) -> None:
    """A tag never changes what it means by a save."""
    first = repository.save(snapshot(bucket, 1), "best")
    objects = len(list(bucket.list("repositories/")))
    with pytest.raises(AlreadyExists, match="there is a tag best already"):
        repository.save(snapshot(bucket, 2), "best")
    with pytest.raises(AlreadyExists):
        repository.save(replace(snapshot(bucket, 1), note="other"), "best")
    assert repository.read("best") == first
    assert len(list(bucket.list("repositories/"))) == objects


def test_models_do_not_share_tags(bucket: DirectoryBucket) -> None:
    """Each model has a repository of its own."""
    Repository(bucket, "mod_1").save(snapshot(bucket, 1), "best")
    with pytest.raises(NotFound, match="the model mod_2 has no checkpoint with the tag best"):
        Repository(bucket, "mod_2").read("best")


def test_payload_must_be_there(repository: Repository, bucket: DirectoryBucket) -> None:
    """Before its files are in the bucket, to the byte, a snapshot gets no tag."""
    absent = PayloadFile("a", "runs/none", "0" * 64, 3)
    with pytest.raises(NotFound, match=r"runs/none \(payload a\) does not exist"):
        repository.save(snapshot(bucket, payload=(absent,)), "a")
    there = upload(bucket, b"hello")
    for other in (replace(there, size_bytes=6), replace(there, sha256="0" * 64)):
        with pytest.raises(DataCorrupt, match="is not what was saved"):
            repository.save(snapshot(bucket, payload=(other,)), "a")
    assert list(bucket.list("repositories/")) == []


def test_grows_from_nothing_that_is_not_there(repository: Repository, bucket: DirectoryBucket) -> None:
    """A checkpoint of another model, or of nobody, is no parent."""
    elsewhere = Repository(bucket, "mod_2").save(snapshot(bucket, 1), "a").commit
    with pytest.raises(NotFound, match=f"has no checkpoint {elsewhere}"):
        repository.save(snapshot(bucket, 2, elsewhere), "b")


def test_names_that_lead_nowhere(repository: Repository) -> None:
    """What is not there, and what can be no name, is told so by every method."""
    for name in ("a", "0" * 40, "chk_" + "0" * 40):
        with pytest.raises(NotFound, match=f"the model mod_1 has no checkpoint .*{name}"):
            repository.read(name)
    with pytest.raises(NotFound, match="no tag a"):
        repository.delete("a")
    for use in (repository.read, repository.verify, repository.delete):
        with pytest.raises(InvalidInput, match="slash"):
            use("../../objects")


def test_tag_of_a_deleted_checkpoint_is_free(repository: Repository, bucket: DirectoryBucket) -> None:
    """Deleting takes the name away; those that grew from it, and its id, stay."""
    root = repository.save(snapshot(bucket, 1), "root")
    child = repository.save(snapshot(bucket, 2, root.commit), "child")
    repository.delete("root")
    assert list(repository) == ["child"]
    with pytest.raises(NotFound):
        repository.read("root")
    assert repository.verify("child") == child
    assert repository.read(root.id).commit == root.commit
    assert repository.save(snapshot(bucket, 3), "root").manifest.step == 3


def test_checkpoint_gets_another_tag(repository: Repository, bucket: DirectoryBucket) -> None:
    """What was saved by the zoo can be named by a user; both names stay."""
    saved = repository.save(snapshot(bucket, 1), "step-1")
    grace = Author("usr_grace", "Grace")
    named = repository.tag("best", saved.id, grace, NOON, "my favourite")
    assert repository.tag("best", "step-1", grace, NOON, "my favourite") == named == repository.read("best")
    assert (named.commit, named.note, named.author) == (saved.commit, "my favourite", ADA)
    other = repository.save(snapshot(bucket, 2), "step-2")
    with pytest.raises(AlreadyExists):
        repository.tag("best", other.id, grace, NOON)


def test_tag_moves_from_what_it_named(repository: Repository, bucket: DirectoryBucket) -> None:
    """Of two who move a tag away from one checkpoint, the second is told that it is another now."""
    one, two, three = (repository.save(snapshot(bucket, step), f"s{step}") for step in (1, 2, 3))
    repository.tag("latest", one.id, ADA, NOON)
    moved = repository.tag("latest", two.id, ADA, NOON, instead_of=one.id)
    assert repository.read("latest") == moved
    assert repository.tag("latest", two.id, ADA, NOON, instead_of=one.id) == moved
    with pytest.raises(Conflict, match="does not name"):
        repository.tag("latest", three.id, ADA, NOON, instead_of="s1")
    assert repository.read("latest") == moved
    with pytest.raises(NotFound):
        repository.tag("unknown", three.id, ADA, NOON, instead_of="s1")


@pytest.mark.parametrize(
    ("name", "id", "kept"),
    [
        ("Ada <ada@x>", "usr 1", Author("usr1", "Ada ada@x")),
        ("", "", Author("", "unknown")),
        ("\n\x00", "usr_1", Author("usr_1", "usr_1")),
        ("\ud800 Lovelace", "usr_1", Author("usr_1", "? Lovelace")),
        ("久美子 🦙", "usr_1", Author("usr_1", "久美子 🦙")),
        ("x" * 500, "usr_1", Author("usr_1", "x" * 200)),
    ],
)
def test_any_author_can_be_written(
    repository: Repository, bucket: DirectoryBucket, name: str, id: str, kept: Author
) -> None:
    """What git cannot hold in a name is left out; no name forges a line of a commit."""
    saved = repository.save(replace(snapshot(bucket), author=Author(id, name)), "a")
    assert repository.read("a").author == saved.author == kept


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"saved_at": datetime(2026, 1, 1)}, "must say its zone"),  # noqa: DTZ001
        ({"saved_at": datetime(1960, 1, 1, tzinfo=timezone.utc)}, "between 1970"),
        ({"note": "\ud800"}, "no valid Unicode"),
        ({"note": "a\0b"}, "none of them 0"),
        ({"note": "a" * 70_000}, "70,001 bytes"),
    ],
)
def test_bad_times_and_notes_are_refused(
    repository: Repository, bucket: DirectoryBucket, changed: dict[str, object], reason: str
) -> None:
    """They are told before anything is written."""
    with pytest.raises(InvalidInput, match=reason):
        repository.save(replace(snapshot(bucket), **changed), "a")  # type: ignore[arg-type]
    assert list(bucket.list("repositories/")) == []


def test_note_that_looks_like_a_signature_is_a_note(repository: Repository, bucket: DirectoryBucket) -> None:
    """A note is text, whatever it says."""
    note = "-----BEGIN PGP SIGNATURE-----\nnone"
    repository.save(replace(snapshot(bucket), note=note), "a")
    assert repository.read("a").note == note
