"""Tags of checkpoints in the git repository that the model's source is kept in, beside its own history.

Nothing else there is touched: no branch, no HEAD, no index, no file of the work tree, and no tag that exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dulwich.errors import FileFormatException
from dulwich.file import FileLocked
from dulwich.object_store import DiskObjectStore, PackBasedObjectStore
from dulwich.objects import S_ISGITLINK, Commit, ObjectID, ShaFile, Tag, Tree

from ainimal_zookeeper.domain.errors import AlreadyExists, DataCorrupt, InvalidInput, NotFound, Transient

from .names import ref_of
from .repository import Repository
from .source import SourceRepository


def push(repository: Repository, tag: str, source: SourceRepository) -> bool:
    """Gives `source` a tag with the checkpoints that it grew from. Returns False where it has the tag already.

    Raises: NotFound for the tag; AlreadyExists for a tag of that name on something else; InvalidInput where the lineage
    does not begin in the history of `source`; Transient where it is locked, or cannot be written.
    """
    target = repository.tags.get(tag)
    if target is None:
        raise NotFound(f"the model {repository.model_id} has no checkpoint with the tag {tag}")
    annotated = repository.objects.read(target, Tag, f"the tag {tag}")
    ref = ref_of(tag)
    with source.opened() as opened, _told(source):
        refs, store = opened.refs, opened.object_store
        if isinstance(store, DiskObjectStore):
            store.fsync_object_files = True  # a tag must not outlive a loss of power that its objects do not
        existing = refs.read_ref(ref)
        if existing == target:
            return False
        if existing is None:
            for commit in reversed(_missing(repository, annotated.object[1], store, tag, source)):
                for item in _content(repository, commit, tag):
                    store.add_object(item)
                store.add_object(commit)
            store.add_object(annotated)
            if refs.add_if_new(ref, target):
                return True
            if refs.read_ref(ref) == target:
                return False
    raise AlreadyExists(
        f"{source.path} has a tag {tag} already, on something else; it stays, and this one is not pushed"
    )


def withdraw(source: SourceRepository, tag: str, target: str) -> bool:
    """Takes a tag away from `source`, where it still is the tag object `target`. Returns whether it was.

    What it named stays until git clears up. Raises: InvalidInput; Transient as `push`.
    """
    with source.opened() as opened, _told(source):
        ref, wanted = ref_of(tag), ObjectID(target.encode())
        return opened.refs.read_ref(ref) == wanted and opened.refs.remove_if_equals(ref, wanted)


@contextmanager
def _told(source: SourceRepository) -> Iterator[None]:
    """Raises: Transient for what stands in the way of writing to `source`; InvalidInput where it is damaged."""
    try:
        yield
    except FileFormatException as error:
        raise InvalidInput(f"{source.path} is damaged ({error}); git fsck there says more") from error
    except FileLocked as error:
        raise Transient(f"{source.path} is locked ({error.lockfilename!r}); let git finish there") from error
    except OSError as error:
        raise Transient(
            f"{source.path} cannot be written: {error.strerror or error}; check the space and the rights there", 5.0
        ) from error


def _missing(
    repository: Repository, last: ObjectID, store: PackBasedObjectStore, tag: str, source: SourceRepository
) -> list[Commit]:
    """Returns the checkpoints, `last` first, that `source` does not have yet."""
    missing = list[Commit]()
    waiting = [last]
    while waiting:
        name = waiting.pop()
        if name in store:
            continue
        commit = repository.objects.find(name)
        if not isinstance(commit, Commit):
            raise _refusal(repository, missing[-1] if missing else None, name, source)
        if not commit.parents:
            raise InvalidInput(
                f"the lineage of {tag} began before the source was in git, and has no history in common with "
                f"{source.path}; it is kept in the zoo only"
            )
        missing.append(commit)
        waiting.extend(commit.parents)
    return missing


def _refusal(
    repository: Repository, child: Commit | None, absent: ObjectID, source: SourceRepository
) -> DataCorrupt | InvalidInput:
    manifest = None if child is None else repository.manifest_of(child)
    if manifest is None or manifest.grew_from is not None:
        return DataCorrupt(f"git object {absent.decode()}, a checkpoint of {repository.model_id}, is missing")
    return InvalidInput(
        f"{source.path} has no commit {absent.decode()}, which the lineage began with: its history is another one. "
        "The checkpoint is kept in the zoo only"
    )


def _content(repository: Repository, commit: Commit, of: str) -> Iterator[ShaFile]:
    """Yields what a commit's tree holds and the tree, each folder after what is in it."""

    def below(id: ObjectID) -> Iterator[ShaFile]:
        found = repository.objects.find(id)
        if found is None:
            raise DataCorrupt(f"git object {id.decode()} of {of} is missing")
        if isinstance(found, Tree):
            for entry in found.items():
                if not S_ISGITLINK(entry.mode):
                    yield from below(entry.sha)
        yield found

    return below(commit.tree)
