"""SourceRepository: the git repository on this computer that a model's source is kept in."""

from __future__ import annotations

import functools
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR

from dulwich.errors import ChecksumMismatch, FileFormatException, NotGitRepository
from dulwich.object_format import SHA1
from dulwich.object_store import iter_tree_contents, tree_lookup_path
from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID
from dulwich.repo import InvalidWorktreeConfiguration, Repo, UnsupportedExtension, UnsupportedVersion

from ainimal_zookeeper.domain.errors import InvalidInput

_UNREADABLE = (
    UnsupportedExtension,
    UnsupportedVersion,
    InvalidWorktreeConfiguration,
    FileFormatException,
    OSError,
    ValueError,
    KeyError,
)

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class SourceState:
    """Where a source stands: `path` in the repository, whose HEAD is `commit`; `modified`: it differs from that."""

    commit: str
    path: str
    modified: bool


class SourceRepository:
    """The repository at `path`, the folder of its work tree. It is opened anew for each use: git changes it meanwhile.

    `source` is the model's file or folder in it.
    """

    def __init__(self, path: Path, source: Path) -> None:
        self.path = path
        self._source = source

    @classmethod
    def find(cls, source: Path, ceilings: Sequence[Path] = ()) -> SourceRepository | None:
        """Returns the repository whose HEAD has the file or folder `source`; None where there is none.

        A file that merely lies below a repository's folder, and is ignored or new, is not in it. `ceilings`: folders
        where the search ends, as GIT_CEILING_DIRECTORIES has it.

        Raises: InvalidInput for a repository that this program cannot read, with the reason.
        """
        source = source.resolve()
        start = source if source.is_dir() else source.parent
        try:
            with Repo.discover(start, ceiling_dirs=ceilings) as repository:
                found = cls(Path(repository.path).resolve(), source)
        except NotGitRepository:
            return None
        except _UNREADABLE as error:
            raise InvalidInput(f"the git repository of {source} cannot be read: {_reason(error)}") from error
        with found.opened() as repository:
            return found if Head(found.path, repository).has(source) else None

    def state(self) -> SourceState | None:
        """Returns where the source stands now; None when HEAD has it no more."""
        with self.opened() as repository:
            return Head(self.path, repository).state_of(self._source)

    @contextmanager
    def opened(self) -> Iterator[Repo]:
        """Opens it. Raises: InvalidInput when that cannot be done, or not any more."""
        try:
            repository = Repo(str(self.path))
        except (NotGitRepository, *_UNREADABLE) as error:
            raise InvalidInput(f"the git repository {self.path} cannot be read: {_reason(error)}") from error
        with repository:
            if repository.object_format is not SHA1:
                raise InvalidInput(
                    f"the git repository {self.path} has ids of another kind than SHA-1, which checkpoints have: they "
                    "cannot be joined"
                )
            yield repository


class Head:
    """What HEAD of an open repository with the work tree `path` has, for many sources: each tree is read once.

    Raises: InvalidInput for a repository that is damaged.
    """

    def __init__(self, path: Path, repository: Repo) -> None:
        self._path = path
        self._store = repository.object_store
        self._read = functools.cache(repository.object_store.__getitem__)
        try:
            self.commit: ObjectID | None = repository.head()
        except (KeyError, ValueError):  # there is no commit yet
            self.commit = None
        except (FileFormatException, OSError) as error:
            raise self._damaged(error) from error

    def has(self, source: Path) -> bool:
        return self._entry(source) is not None

    def state_of(self, source: Path) -> SourceState | None:
        """Returns where a file or folder stands now; None for one that HEAD does not have."""
        entry = self._entry(source)
        if entry is None or self.commit is None:
            return None
        path = source.relative_to(self._path).as_posix()
        return SourceState(self.commit.decode(), path, self._differs(source, *entry))

    def _entry(self, source: Path) -> tuple[int, ObjectID] | None:
        """Returns the mode and the object that HEAD has for a source."""
        if self.commit is None:
            return None
        try:
            path = os.fsencode(source.relative_to(self._path).as_posix())
            commit = self._read(self.commit)
            if not isinstance(commit, Commit):
                return None
            return (0o040000, commit.tree) if path == b"." else tree_lookup_path(self._read, commit.tree, path)
        except (KeyError, ValueError, NotADirectoryError):  # outside the work tree, or not in HEAD
            return None
        except (FileFormatException, ChecksumMismatch, OSError, zlib.error) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> InvalidInput:
        return InvalidInput(f"the git repository {self._path} is damaged: {_reason(error)}")

    def _differs(self, source: Path, mode: int, id: ObjectID) -> bool:
        if not S_ISDIR(mode):
            return _content_id(source) != id
        return any(
            _content_id(source / os.fsdecode(entry.path)) != entry.sha
            for entry in iter_tree_contents(self._store, id)
            if not S_ISGITLINK(entry.mode)
        )


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _content_id(file: Path) -> ObjectID | None:
    """Returns the id that git gives to the content of a file now; None where there is none. The file may be big."""
    try:
        if file.is_symlink():
            return Blob.from_string(os.fsencode(file.readlink())).id
        with file.open("rb") as content:
            digest = hashlib.sha1(b"blob %d\0" % os.fstat(content.fileno()).st_size, usedforsecurity=False)
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return ObjectID(digest.hexdigest().encode())
