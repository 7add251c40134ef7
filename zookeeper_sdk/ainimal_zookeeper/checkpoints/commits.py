"""The git objects of a checkpoint: what a snapshot becomes, and how it is read again. Knows nothing of where they lie.

manifest.json       what the checkpoint says of itself
.gitattributes      tells git-lfs which files are pointers
payload/<path>      a pointer for each file that restoring needs
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Generic, TypeVar

from dulwich.lfs import LFSPointer
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag, Tree

from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput

from .manifest import Code, PayloadFile, canonical, code_document, to_text
from .snapshot import Author, Snapshot

Kind = TypeVar("Kind", bound=ShaFile)

MANIFEST = b"manifest.json"
PAYLOAD = b"payload"

ATTRIBUTES = Blob.from_string(b"payload/** filter=lfs diff=lfs merge=lfs -text\n")

_FILE = 0o100644
_FOLDER = 0o040000
_MAX_NAME = 200
_MAX_NOTE_BYTES = 64 << 10
_ZOO = Author("zoo", "AInimal Zookeeper")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)  # of what has no time of its own: then equal code is one commit
_LATEST = datetime(2999, 1, 1, tzinfo=timezone.utc)
_IDENTITY = re.compile(r"(.*?) ?<([^<>]*)>\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Written(Generic[Kind]):
    """A git object, and those `below` it, each of which comes after all that it names itself."""

    below: tuple[ShaFile, ...]
    top: Kind

    @property
    def id(self) -> ObjectID:
        return self.top.id

    @property
    def all(self) -> tuple[ShaFile, ...]:
        return (*self.below, self.top)


def commit_of(snapshot: Snapshot, parent: ObjectID) -> Written[Commit]:
    """Returns the commit of a snapshot. Raises: InvalidInput for what cannot be kept."""
    manifest = snapshot.manifest
    files: dict[bytes, bytes] = {MANIFEST: to_text(manifest), b".gitattributes": ATTRIBUTES.data}
    for file in manifest.payload:
        files[PAYLOAD + b"/" + file.path.encode()] = pointer_to(file)
    tree = _tree(files)
    at = f"timeline {manifest.timeline}, step {manifest.step:,} (episode {manifest.episode:,})"
    subject = f"{_line(manifest.code.model)}: {at}"
    message = f"{subject}\n\nInstance: {_line(manifest.instance_id)}\n"
    commit = _commit(tree.id, [parent], snapshot.author, snapshot.saved_at, message)
    return Written(tree.all, commit)


def root_of(code: Code) -> Written[Commit]:
    """Returns the commit that stands for code without a git history: it has no parent, and says what the code is."""
    tree = _tree({b"code.json": canonical(code_document(code))})
    revision = f" at {_line(code.revision)}" if code.revision else ""
    commit = _commit(tree.id, [], _ZOO, _LONG_AGO, f"Code of {_line(code.model)}{revision}\n")
    return Written(tree.all, commit)


def tag_of(tag: str, commit: ObjectID, author: Author, at: datetime, note: str) -> Tag:
    """Returns the annotated tag `tag` of a commit. Raises: InvalidInput."""
    made = Tag()
    made.name = tag.encode()
    made.object = (Commit, commit)
    made.tagger = _identity(author)
    made.tag_time = _seconds(at)
    made.tag_timezone = 0
    made.message = _note(note or tag)
    return made


def pointer_to(file: PayloadFile) -> bytes:
    return LFSPointer(file.sha256, file.size_bytes).to_bytes()


def check_pointer(content: bytes, file: PayloadFile, of: str) -> None:
    """Checks that a pointer points to what the manifest says. Raises: DataCorrupt."""
    pointer = LFSPointer.from_bytes(content)
    if pointer is None or not pointer.is_valid_oid() or pointer.to_bytes() != content:
        raise DataCorrupt(f"payload/{file.path} of {of} is no pointer of git-lfs")
    if (pointer.oid, pointer.size) != (file.sha256, file.size_bytes):
        raise DataCorrupt(f"payload/{file.path} of {of} points to other bytes than the manifest says")


def author_of(commit: Commit) -> Author:
    found = _IDENTITY.match(commit.author.decode(errors="replace"))
    return Author(found[2], found[1]) if found else Author("", commit.author.decode(errors="replace"))


def saved_at(commit: Commit, of: str) -> datetime:
    """Raises: DataCorrupt."""
    try:
        return datetime.fromtimestamp(commit.commit_time, timezone.utc)
    except (OverflowError, ValueError, OSError, TypeError):
        raise DataCorrupt(f"the commit of {of} has no time that can be: {commit.commit_time}") from None


def note_of(tag: Tag) -> str:
    message = (tag.message or b"") + (tag.signature or b"")  # dulwich takes what looks like a signature for one
    note = message.decode(errors="replace").removesuffix("\n")
    return "" if note.encode() == tag.name else note


def _tree(files: dict[bytes, bytes]) -> Written[Tree]:
    """Returns the tree of files by path, folders included."""
    tree, written = Tree(), list[ShaFile]()
    folders: dict[bytes, dict[bytes, bytes]] = {}
    for path, content in files.items():
        folder, slash, rest = path.partition(b"/")
        if slash:
            folders.setdefault(folder, {})[rest] = content
        else:
            blob = Blob.from_string(content)
            written.append(blob)
            tree.add(path, _FILE, blob.id)
    for folder, inner in folders.items():
        below = _tree(inner)
        written.extend(below.all)
        tree.add(folder, _FOLDER, below.id)
    return Written(tuple(_once(written)), tree)


def _once(objects: Sequence[ShaFile]) -> Iterator[ShaFile]:
    seen = set[ObjectID]()
    for item in objects:
        if item.id not in seen:
            seen.add(item.id)
            yield item


def _commit(tree: ObjectID, parents: list[ObjectID], author: Author, at: datetime, message: str) -> Commit:
    commit = Commit()
    commit.tree = tree
    commit.parents = parents
    commit.author = commit.committer = _identity(author)
    commit.author_time = commit.commit_time = _seconds(at)
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = message.encode()
    return commit


def _identity(author: Author) -> bytes:
    """Returns `name <id>`, as git wants it: neither holds brackets, line ends, or what is no text."""
    address = _bare(author.id).replace(" ", "")
    name = _bare(author.name)[:_MAX_NAME].strip() or address or "unknown"
    return f"{name} <{address}>".encode()


def _bare(text: str) -> str:
    return " ".join(_line(text.translate({ord("<"): " ", ord(">"): " "})).split())


def _line(text: str) -> str:
    """Returns `text` as one line that can be encoded."""
    text = text.encode(errors="replace").decode()
    return "".join(character if character.isprintable() else " " for character in text)


def _note(note: str) -> bytes:
    try:
        content = (note.replace("\r\n", "\n").strip("\n") + "\n").encode()
    except UnicodeEncodeError:
        raise InvalidInput("the note is no valid Unicode", ("note",)) from None
    if len(content) > _MAX_NOTE_BYTES or b"\0" in content:
        raise InvalidInput(
            f"the note has {len(content):,} bytes; it may have {_MAX_NOTE_BYTES:,}, and none of them 0", ("note",)
        )
    return content


def _seconds(at: datetime) -> int:
    if at.tzinfo is None or not _LONG_AGO <= at < _LATEST:
        raise InvalidInput(f"the time {at} must say its zone and lie between 1970 and 2999", ("savedAt",))
    return int(at.timestamp())
