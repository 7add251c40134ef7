"""A clone: the checkpoints of a model as an ordinary git repository in a folder, for plain git to read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dulwich.file import GitFile
from dulwich.index import build_index_from_tree
from dulwich.lfs import LFSStore
from dulwich.object_store import PackBasedObjectStore
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag, Tree
from dulwich.refs import HEADREF, Ref, write_packed_refs
from dulwich.repo import Repo

from ainimal_zookeeper.domain.errors import AlreadyExists, DataCorrupt, NotFound, Transient

from .commits import MANIFEST
from .manifest import Manifest, PayloadFile, from_text
from .names import ref_of
from .repository import Repository

_MAIN = Ref(b"refs/heads/main")
_CHUNK = 8 << 20


@dataclass(frozen=True, slots=True)
class Clone:
    """`newest`: the tag of the checkpoint in the work tree, where the branch `main` is.

    `shallow`: the commits before which the history of the code is not in the clone.
    """

    directory: Path
    tags: int
    newest: str
    shallow: tuple[str, ...]
    payload_bytes: int


def clone(repository: Repository, directory: Path, *, payload: bool = False) -> Clone:
    """Makes a git repository of all checkpoints in `directory`, which is absent or empty; all of it, or nothing.

    With `payload` it also has the files of all tagged checkpoints, where git-lfs looks for them.

    Raises: AlreadyExists for a directory that is not empty; NotFound for a model without checkpoints; DataCorrupt;
    Transient for a disk that is full or must not be written.
    """
    directory = directory.resolve()
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise AlreadyExists(f"{directory} is there and is not empty; choose another directory")
        directory.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        try:
            made = place / directory.name
            made.mkdir()  # as open to others as the user's folders are; `place` is not
            described = _fill(repository, made, directory, payload=payload)
            if directory.exists():
                directory.rmdir()
            made.rename(directory)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise Transient(
            f"{directory} cannot be written: {error.strerror or error}; check the space and the rights on its disk", 5.0
        ) from error
    return described


def _fill(repository: Repository, place: Path, directory: Path, *, payload: bool) -> Clone:
    with Repo.init(str(place), default_branch=b"main") as made:
        store = made.object_store
        repository.history.copy_to(store)
        found = _Reading(repository, store)
        found.read()
        store.add_objects([(item, None) for item in (*found.commits.values(), *found.others.values())])
        if found.shallow:
            made.update_shallow(found.shallow, None)
        newest = max(found.tagged, key=lambda tag: (found.commit_of(tag).commit_time, tag))
        with GitFile(str(place / ".git" / "packed-refs"), "wb") as file:  # one file, however many tags
            targets = {ref_of(tag): target for tag, target in found.tags.items()}
            write_packed_refs(file, targets, {ref_of(tag): commit for tag, commit in found.tagged.items()})
        made.refs[_MAIN] = found.tagged[newest]
        made.refs.set_symbolic_ref(HEADREF, _MAIN)
        build_index_from_tree(str(place), made.index_path(), store, found.commit_of(newest).tree)
        size = _add_payload(repository, made, found) if payload else 0
    shallow = tuple(sorted(commit.decode() for commit in found.shallow))
    return Clone(directory, len(found.tags), newest, shallow, size)


def _add_payload(repository: Repository, made: Repo, found: _Reading) -> int:
    """Copies the files of the tagged checkpoints. Returns their size. Raises: DataCorrupt."""
    files = {file.sha256: file for commit in set(found.tagged.values()) for file in found.manifest_of(commit).payload}
    store = LFSStore.from_controldir(made.controldir(), create=True)
    for file in files.values():
        try:
            written = store.write_object(_chunks(repository, file))
        except NotFound as error:
            raise DataCorrupt(f"{error} (payload {file.path})") from error
        if written != file.sha256:
            raise DataCorrupt(
                f"the object {file.object} (payload {file.path}) has been altered: its SHA-256 is {written}"
            )
    return sum(file.size_bytes for file in files.values())


def _chunks(repository: Repository, file: PayloadFile) -> Iterator[bytes]:
    for start in range(0, file.size_bytes, _CHUNK):
        yield repository.bucket.get(file.object, start, start + _CHUNK)


class _Reading:
    """All objects that the tags of a repository lead to, but for the history in `store`: many are read at once."""

    def __init__(self, repository: Repository, store: PackBasedObjectStore) -> None:
        self._repository = repository
        self._store = store
        self._absent = set[ObjectID]()
        self.tags: dict[str, ObjectID] = {}
        self.tagged: dict[str, ObjectID] = {}
        self.commits: dict[ObjectID, Commit] = {}
        self.others: dict[ObjectID, ShaFile] = {}
        self.shallow = set[ObjectID]()

    def read(self) -> None:
        """Raises: NotFound where there is no tag, DataCorrupt."""
        self._read_tags()
        self._read_commits()
        self._read_trees()
        self._find_beginnings()

    def commit_of(self, tag: str) -> Commit:
        return self.commits[self.tagged[tag]]

    def manifest_of(self, commit: ObjectID) -> Manifest:
        tree = self.others[self.commits[commit].tree]
        blob = self.others[tree[MANIFEST][1]] if isinstance(tree, Tree) and MANIFEST in tree else None
        if not isinstance(blob, Blob):
            raise DataCorrupt(f"commit {commit.decode()} has no manifest.json")
        return from_text(blob.data, f"commit {commit.decode()}")

    def _read_tags(self) -> None:
        repository = self._repository
        self.tags = repository.tags.get_all()
        if not self.tags:
            raise NotFound(f"the model {repository.model_id} has no checkpoints to clone; save one first")
        found = repository.objects.find_all(self.tags.values())
        for tag, target in self.tags.items():
            annotated = found[target]
            if not isinstance(annotated, Tag) or annotated.object[0] is not Commit:
                raise DataCorrupt(f"git object {target.decode()} of the tag {tag} is missing, or is no tag of a commit")
            self.others[target] = annotated
            self.tagged[tag] = annotated.object[1]

    def _read_commits(self) -> None:
        wanted = set(self.tagged.values())
        while wanted:
            parents = set[ObjectID]()
            for commit, found in self._repository.objects.find_all(wanted).items():
                if isinstance(found, Commit):
                    self.commits[commit] = found
                    parents.update(found.parents)
                else:
                    self._absent.add(commit)
            fresh = parents - self.commits.keys() - self._absent
            wanted = {commit for commit in fresh if commit not in self._store}
        for tag, commit in self.tagged.items():
            if commit in self._absent:
                raise DataCorrupt(f"git object {commit.decode()}, the commit of the tag {tag}, is missing")

    def _read_trees(self) -> None:
        wanted = {commit.tree for commit in self.commits.values()}
        while wanted:
            below = set[ObjectID]()
            for name, found in self._repository.objects.find_all(wanted).items():
                if found is None:
                    raise DataCorrupt(f"git object {name.decode()} of a checkpoint is missing")
                self.others[name] = found
                if isinstance(found, Tree):
                    below.update(entry.sha for entry in found.items())
            wanted = below - self.others.keys()

    def _find_beginnings(self) -> None:
        """Finds the commits whose parent is not kept: it is history of code, or else a checkpoint that went missing."""
        for name, commit in self.commits.items():
            if not self._absent.isdisjoint(commit.parents):
                grew_from = self.manifest_of(name).grew_from
                if grew_from is not None:
                    raise DataCorrupt(
                        f"git object {grew_from}, which the checkpoint {name.decode()} grew from, is missing"
                    )
                self.shallow.add(name)
