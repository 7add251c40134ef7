"""What names may be."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from ainimal_zookeeper.checkpoints import MAX_TAG_BYTES, check_tag, checkpoint_id
from ainimal_zookeeper.checkpoints.names import check_paths, tags_for
from ainimal_zookeeper.domain.errors import InvalidInput
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.checkpoints.lineage import Git

BAD_TAGS = {
    "": "is empty",
    "a" * (MAX_TAG_BYTES + 1): "has 201 bytes",
    "ä" * 101: "has 202 bytes",
    "\ud800": "is no valid Unicode",
    "a\nb": "cannot be seen",
    "a\x00b": "cannot be seen",
    "safe\u202egnp.exe": "cannot be seen",
    "e\u0301": "accents",
    "a/b": "slash",
    "-d": "dash",
    "HEAD": "git's own",
    "@": "git's own",
    "a b": "none for git",
    "a..b": "none for git",
    "a.lock": "none for git",
    ".a": "none for git",
    "a.": "none for git",
    "a~1": "none for git",
    "a@{1}": "none for git",
    "f" * 40: "looks like the id",
    checkpoint_id("0" * 40): "looks like the id",
}


@pytest.mark.parametrize(("tag", "reason"), BAD_TAGS.items(), ids=[ascii(tag)[:20] for tag in BAD_TAGS])
def test_bad_tags_are_refused(tag: str, reason: str) -> None:
    """Each is named with the rule that it breaks."""
    with pytest.raises(InvalidInput, match=reason) as caught:
        check_tag(tag)
    assert caught.value.path == ("tag",)


@pytest.mark.parametrize("tag", ["best", "step-1200", "v1.0", "März_7", "最高", "🦙", "a" * MAX_TAG_BYTES])
def test_good_tags_are_taken(tag: str) -> None:
    """Anything that git and every file system take is a tag."""
    check_tag(tag)


@given(st.text(max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_taken_is_good_for_git(git: Git, tag: str) -> None:
    """Git has no objection to any tag that is not refused."""
    try:
        check_tag(tag)
    except InvalidInput:
        return
    git("check-ref-format", f"refs/tags/{tag}")


@pytest.mark.parametrize(
    ("instance", "slug"),
    [
        ("Pupil", "pupil"),
        ("Pupil 3", "pupil-3"),
        ("  --Élan / Größe!!  ", "elan-groe"),
        ("--force", "force"),
        ("HEAD.lock", "head-lock"),
        ("a" * 90, "a" * 40),
        ("最高 🦙", "ins_1"),
        ("\udcff", "ins_1"),
        ("", "ins_1"),
    ],
)
def test_a_made_up_tag_reads_like_the_name(instance: str, slug: str) -> None:
    """What people call an instance, as far as every shell and file system takes it; else its id."""
    assert list(islice(tags_for(instance, "ins_1", 2, 12_000), 2)) == [f"{slug}-2-12000", f"{slug}-2-12000-2"]


@given(st.text(max_size=100), st.integers(1, 2**53), st.integers(0, 2**53))
def test_made_up_tags_are_good(instance: str, timeline: int, step: int) -> None:
    """Whatever an instance is called."""
    for tag in islice(tags_for(instance, "ins_1", timeline, step), 3):
        check_tag(tag)
        assert tag.isascii()


BAD_PATHS = {
    "": "empty",
    "/etc/passwd": "empty",
    "a//b": "empty",
    "../a": "empty, '.' or '..'",
    "a/./b": "empty, '.' or '..'",
    "a\\b": "backslash",
    "a\nb": "cannot be seen",
    ".git/config": "keeps for itself",
    "a/.GIT/hooks": "keeps for itself",
    ".g\u200cit": "cannot be seen",
    "git~1": "keeps for itself",
    ".gitattributes": "keeps for itself",
    ".gitmodules": "keeps for itself",
    "\udcff": "no valid Unicode",
    "a" * 201: "bytes",
    "/".join("a" * 17): "parts",
}


@pytest.mark.parametrize(("path", "reason"), BAD_PATHS.items(), ids=[ascii(path)[:20] for path in BAD_PATHS])
def test_bad_paths_are_refused(path: str, reason: str) -> None:
    """No file of a payload can leave its folder, or be something to git."""
    with pytest.raises(InvalidInput, match=reason):
        check_paths([path])


def test_paths_that_collide_are_refused() -> None:
    """Two files are two files everywhere, and no file is a folder."""
    for paths in (["a", "A"], ["a", "a"], ["a", "a/b"], ["A/b/c", "a/B"]):
        with pytest.raises(InvalidInput, match="rename one"):
            check_paths(paths)
    check_paths(["a/b", "a/c", "b", "ab"])


def test_home_of_git_is_not_the_users(git: Git, tmp_path: Path) -> None:
    """The tests see no configuration but their own."""
    assert git("config", "--get-all", "--show-origin", "core.bare").startswith("file:.git/config")
    assert git.place.parent == tmp_path
