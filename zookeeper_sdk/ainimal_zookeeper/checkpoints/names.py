"""Names in a repository of checkpoints: what they may be, and which of them mean the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from dulwich.index import validate_path_element_hfs, validate_path_element_ntfs
from dulwich.refs import Ref, check_ref_format

from ainimal_zookeeper.domain.errors import InvalidInput

MAX_TAG_BYTES = 200  # a file system takes names of 255, and git writes `<tag>.lock` beside them
MAX_PATH_BYTES = 1000
MAX_PART_BYTES = 200
MAX_DEPTH = 16
MADE_UP = 1_000  # tags for states of one instance, timeline and step, until one is free

_MAX_SLUG = 40
_OTHERS = re.compile(r"[^a-z0-9]+")

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_ID = re.compile(r"chk_([0-9a-f]{40})\Z")


def is_commit(text: str) -> bool:
    """Tells whether `text` has the form of a commit's id: 40 lower-case hexadecimal digits."""
    return _COMMIT.match(text) is not None


def checkpoint_id(commit: str) -> str:
    """Returns the id of the checkpoint that is `commit`: the same wherever it is computed."""
    return f"chk_{commit}"


def commit_in(text: str) -> str | None:
    """Returns the commit that an id of a checkpoint, or of a commit, stands for; None for a tag."""
    if is_commit(text):
        return text
    found = _ID.match(text)
    return found[1] if found else None


def ref_of(tag: str) -> Ref:
    return Ref(b"refs/tags/" + tag.encode())


def check_tag(tag: str) -> None:
    """Checks the name of a tag: git's rules, without `/`, in at most 200 bytes of printable, composed Unicode.

    Raises: InvalidInput that says which rule is broken.
    """
    broken = _broken_rule(tag)
    if broken is not None:
        raise InvalidInput(f"the tag {tag[:80]!r} {broken}; choose another name", ("tag",))


def _broken_rule(tag: str) -> str | None:
    if not tag:
        return "is empty"
    try:
        size = len(tag.encode())
    except UnicodeEncodeError:
        return "is no valid Unicode"
    if size > MAX_TAG_BYTES:
        return f"has {size} bytes, more than {MAX_TAG_BYTES}"
    if not tag.isprintable():
        return "holds characters that cannot be seen"
    if unicodedata.normalize("NFC", tag) != tag:
        return "holds accents apart from their letters, which some computers take for another name"
    if commit_in(tag) is not None:
        return "looks like the id of a checkpoint"
    if tag in {"HEAD", "@"}:
        return "is git's own name of where one is"
    if "/" in tag:  # with it, the tags `a` and `a/b` could each be made and never stand beside each other
        return "holds a slash"
    if tag.startswith("-"):
        return "begins with a dash, which git takes for an option"
    if not check_ref_format(ref_of(tag)):
        return "is none for git: no spaces, no ~ ^ : ? * [ \\, no .. or @{, no dot at either end, no .lock at the end"
    return None


def tags_for(instance: str, id: str, timeline: int, step: int) -> Iterator[str]:
    """Yields tags for a state that nobody has named, the best first: "pupil-2-12000", "pupil-2-12000-2".

    instance: its name, of which lower-case ASCII letters and digits stay; where there are none, `id` stands for it.
    Several states may want one: other instances have that name, and one that is paused stays at its step.
    """
    letters = unicodedata.normalize("NFKD", instance).encode("ascii", "ignore").decode().lower()
    slug = _OTHERS.sub("-", letters)[:_MAX_SLUG].strip("-") or id
    first = f"{slug}-{timeline}-{step}"
    yield first
    for number in range(2, MADE_UP):
        yield f"{first}-{number}"


def check_paths(paths: list[str]) -> None:
    """Checks names of files of a payload: relative, and apart from each other on every file system.

    Raises: InvalidInput that names the path and the rule.
    """
    taken: dict[str, str] = {}
    for path in paths:
        broken = _broken_path(path)
        if broken is not None:
            raise InvalidInput(f"the file {path[:80]!r} of the payload {broken}; rename it", ("payload",))
        folded = path.casefold()
        if folded in taken:
            raise InvalidInput(
                f"the files {taken[folded]!r} and {path!r} of the payload are one on some computers; rename one",
                ("payload",),
            )
        taken[folded] = path
    for folded, path in taken.items():
        parts = folded.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            if above in taken:
                raise InvalidInput(
                    f"the payload has a file {taken[above]!r} and a file {path!r} in a folder of that name; rename one",
                    ("payload",),
                )


def _broken_path(path: str) -> str | None:
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "has a name that is no valid Unicode"
    parts = path.split("/")
    if size > MAX_PATH_BYTES or len(parts) > MAX_DEPTH or any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return f"has more than {MAX_PATH_BYTES} bytes, {MAX_PART_BYTES} in one part, or {MAX_DEPTH} parts"
    if any(part in {"", ".", ".."} for part in parts):
        return "has a name with empty, '.' or '..' parts"
    if not path.isprintable() or "\\" in path:
        return "has a name with a backslash or characters that cannot be seen"
    for part in parts:
        element = part.encode()
        special = part.casefold().startswith(".git")  # .gitattributes, .gitmodules: git reads them everywhere
        if special or not (validate_path_element_ntfs(element) and validate_path_element_hfs(element)):
            return "has a name that git keeps for itself"
    return None
