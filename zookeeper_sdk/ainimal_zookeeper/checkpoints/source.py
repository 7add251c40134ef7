"""SourceRepository: the git repository on this computer that a model's source is kept in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR

from dulwich.errors import FileFormatException, NotGitRepository
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
    def find(cls, source: Path) -> SourceRepository | None:
        """Returns the repository whose HEAD has the file or folder `source`; None where there is none.

        A file that merely lies below a repository's folder, and is ignored or new, is not in it.

        Raises: InvalidInput for a repository that this program cannot read, with the reason.
        """
        source = source.resolve()
        start = source if source.is_dir() else source.parent
        try:
            with Repo.discover(start) as repository:
                found = cls(Path(repository.path).resolve(), source)
                known = repository.object_format is SHA1 and found._entry(repository) is not None
        except NotGitRepository:
            return None
        except _UNREADABLE as error:
            raise InvalidInput(
                f"the git repository of {source} cannot be read: {_reason(error)}; checkpoints begin "
                "without its history"
            ) from error
        return found if known else None

    def state(self) -> SourceState | None:
        """Returns where the source stands now; None when HEAD has it no more."""
        with self.opened() as repository:
            entry = self._entry(repository)
            if entry is None:
                return None
            commit, mode, content = entry
            path = self._source.relative_to(self.path).as_posix()
            return SourceState(commit.decode(), path, self._differs(repository, mode, content))

    @contextmanager
    def opened(self) -> Iterator[Repo]:
        """Opens it. Raises: InvalidInput when that cannot be done any more."""
        try:
            repository = Repo(str(self.path))
        except (NotGitRepository, *_UNREADABLE) as error:
            raise InvalidInput(f"the git repository {self.path} cannot be read: {_reason(error)}") from error
        with repository:
            yield repository

    def _entry(self, repository: Repo) -> tuple[ObjectID, int, ObjectID] | None:
        """Returns HEAD, and the mode and the object that it has for the source."""
        try:
            path = os.fsencode(self._source.relative_to(self.path).as_posix())
            head = repository.head()
            commit = repository.object_store[head]
            if not isinstance(commit, Commit):
                return None
            if path == b".":
                return head, 0o040000, commit.tree
            return head, *tree_lookup_path(repository.object_store.__getitem__, commit.tree, path)
        except (KeyError, ValueError, NotADirectoryError):  # no commit yet, outside the work tree, or not in HEAD
            return None

    def _differs(self, repository: Repo, mode: int, id: ObjectID) -> bool:
        if not S_ISDIR(mode):
            return _content_id(self._source) != id
        return any(
            _content_id(self._source / os.fsdecode(entry.path)) != entry.sha
            for entry in iter_tree_contents(repository.object_store, id)
            if not S_ISGITLINK(entry.mode)
        )


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _content_id(file: Path) -> ObjectID | None:
    """Returns the id that git gives to the content of a file now; None where there is none."""
    try:
        content = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
    except OSError:
        return None
    return Blob.from_string(content).id
