"""Repository: the checkpoints of one model, as commits and annotated tags of a git repository in the bucket.

`docs/checkpoints.md` describes the format. A save writes in an order in which each thing comes after all that it names,
the tag last: a process may be killed at any moment, and what has a tag is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dulwich.objects import Blob, Commit, ObjectID, Tag, Tree

from ainimal_zookeeper.domain.errors import AlreadyExists, Conflict, DataCorrupt, NotFound
from ainimal_zookeeper.ports.bucket import Bucket

from . import commits
from .history import History
from .manifest import Manifest, from_text
from .names import check_tag, commit_in
from .objects import GitObjects
from .snapshot import Author, Checkpoint, Snapshot
from .source import SourceRepository
from .tags import Tags


class Repository:
    """The repository of the model `model_id`. It may be used by several threads and processes at once.

    A name is a tag, the id of a checkpoint, or of its commit. Every method raises: InvalidInput for a name that cannot
    be one, NotFound for one that is not there, DataCorrupt (says what) for what is not as it was written, Transient.
    """

    def __init__(self, bucket: Bucket, model_id: str) -> None:
        self.model_id = model_id
        self.bucket = bucket
        prefix = f"repositories/{model_id}/"
        self.objects = GitObjects(bucket, prefix)
        self.tags = Tags(bucket, prefix)
        self.history = History(bucket, prefix)

    def save(self, snapshot: Snapshot, tag: str, *, source: SourceRepository | None = None) -> Checkpoint:
        """Keeps a snapshot under a new tag; saving it again under that tag is success and gives the same checkpoint.

        The files of its payload are in the bucket already. Where the first of a lineage comes with `source`, the git
        repository of its code, the history of the code is kept with it if that is small.

        Raises: AlreadyExists for a tag of something else; InvalidInput for a snapshot that cannot be kept; NotFound for
        a payload, or a checkpoint it grew from, that is not there; DataCorrupt for a payload of another size or hash.
        """
        check_tag(tag)
        manifest = snapshot.manifest
        root = commits.root_of(manifest.code) if _is_rootless(manifest) else None
        parent = root.id if root else _id(manifest.grew_from or manifest.code.commit or "")
        written = commits.commit_of(snapshot, parent)
        annotated = commits.tag_of(tag, written.id, snapshot.author, snapshot.saved_at, snapshot.note)

        taken = self.tags.get(tag)
        if taken is not None and taken != annotated.id:
            raise AlreadyExists(f"there is a tag {tag} already; choose another name")
        if taken is None:
            self._check_payload(manifest)
            if manifest.grew_from is not None:
                self._check_parent(parent)
            elif source is not None and manifest.code.commit is not None:
                self.history.keep(source, parent)
            beginning = root.all if root else ()
            shared = {commits.ATTRIBUTES.id, *(item.id for item in beginning)}
            self.objects.add_all((*beginning, *written.below), shared)
            self.objects.add(written.top)  # whoever sees a commit finds all that is in it
            self.objects.add(annotated)
            self.tags.create(tag, annotated.id)
        return self._checkpoint(written.top, annotated, manifest)

    def tag(
        self, tag: str, name: str, author: Author, at: datetime, note: str = "", *, instead_of: str | None = None
    ) -> Checkpoint:
        """Gives a checkpoint another tag; doing it again is success.

        `instead_of`: the checkpoint that the tag, which exists then, names now.

        Raises: AlreadyExists for a tag of something else; Conflict for one that does not name `instead_of`.
        """
        check_tag(tag)
        checkpoint = self.read(name)
        annotated = commits.tag_of(tag, _id(checkpoint.commit), author, at, note)
        if instead_of is None:
            self.objects.add(annotated)
            self.tags.create(tag, annotated.id)
        else:
            target = self.tags.locate(tag)
            if target.id != annotated.id and self._commit_of(tag, target.id)[0] != _id(self._resolve(instead_of)):
                raise Conflict(f"the tag {tag} does not name {instead_of} any more; look at it again")
            self.objects.add(annotated)
            self.tags.move(tag, annotated.id, target)
        return self._checkpoint(self.objects.read(_id(checkpoint.commit), Commit, name), annotated, checkpoint.manifest)

    def read(self, name: str) -> Checkpoint:
        """Returns a checkpoint as its manifest tells it."""
        commit, annotated = self._find(name)
        return self._checkpoint(commit, annotated, self._manifest(commit, name))

    def verify(self, name: str) -> Checkpoint:
        """Returns a checkpoint of which everything is there: its pointers, its payload (by size, and by hash where the
        bucket knows it), and the checkpoint it grew from.
        """
        commit, annotated = self._find(name)
        manifest = self._manifest(commit, name)
        tree = self.objects.read(commit.tree, Tree, name)
        for file in manifest.payload:
            commits.check_pointer(self._file(tree, f"payload/{file.path}", name).data, file, name)
        try:
            self._check_payload(manifest)
        except NotFound as error:
            raise DataCorrupt(f"{error} of the checkpoint {name}") from None
        for parent in commit.parents:
            if manifest.grew_from is not None or _is_rootless(manifest):
                self.objects.read(parent, Commit, f"which {name} grew from")
        return self._checkpoint(commit, annotated, manifest)

    def delete(self, tag: str) -> None:
        """Takes a tag away. The commit stays, for those that grew from it; who deletes the payload does so after."""
        self.tags.delete(tag)

    def keep_history(self, source: SourceRepository, commit: str) -> bool:
        """Keeps the history of code that a lineage begins with; as `History.keep`."""
        return self.history.keep(source, _id(commit))

    def manifest_of(self, commit: Commit) -> Manifest | None:
        """Returns the manifest of a commit; None for a commit that is no checkpoint."""
        tree = self.objects.read(commit.tree, Tree, f"commit {commit.id.decode()}")
        return self._manifest(commit, f"commit {commit.id.decode()}") if commits.MANIFEST in tree else None

    # --- inside ------------------------------------------------------------------------------------------------------

    def _find(self, name: str) -> tuple[Commit, Tag | None]:
        """Returns the commit that a name means, and the tag where it is one."""
        commit = commit_in(name)
        if commit is not None:
            found = self.objects.find(_id(commit))
            if not isinstance(found, Commit):
                raise NotFound(f"the model {self.model_id} has no checkpoint {name}")
            return found, None
        target = self.tags.get(name)
        if target is None:
            raise NotFound(f"the model {self.model_id} has no checkpoint with the tag {name}")
        tagged, annotated = self._commit_of(name, target)
        return self.objects.read(tagged, Commit, name), annotated

    def _resolve(self, name: str) -> str:
        return commit_in(name) or self._find(name)[0].id.decode()

    def _commit_of(self, tag: str, target: ObjectID) -> tuple[ObjectID, Tag]:
        annotated = self.objects.read(target, Tag, f"the tag {tag}")
        kind, tagged = annotated.object
        if kind is not Commit or annotated.name != tag.encode():
            raise DataCorrupt(
                f"the tag {tag} is one of something else: {annotated.name!r}, a {kind.type_name.decode()}"
            )
        return tagged, annotated

    def _manifest(self, commit: Commit, of: str) -> Manifest:
        tree = self.objects.read(commit.tree, Tree, of)
        return from_text(self._file(tree, commits.MANIFEST.decode(), of).data, of)

    def _file(self, tree: Tree, path: str, of: str) -> Blob:
        *folders, name = path.encode().split(b"/")
        for folder in folders:
            tree = self.objects.read(_entry(tree, folder, path, of), Tree, of)
        return self.objects.read(_entry(tree, name, path, of), Blob, of)

    def _check_payload(self, manifest: Manifest) -> None:
        for file in manifest.payload:
            info = self.bucket.info(file.object)
            if info is None:
                raise NotFound(f"the object {file.object} (payload {file.path}) does not exist")
            if info.size_bytes != file.size_bytes or info.sha256 not in {"", file.sha256}:
                raise DataCorrupt(
                    f"the object {file.object} (payload {file.path}) is not what was saved: {info.size_bytes:,} bytes "
                    f"with SHA-256 {info.sha256 or 'unknown'}, not {file.size_bytes:,} with {file.sha256}"
                )

    def _check_parent(self, parent: ObjectID) -> None:
        if not isinstance(self.objects.find(parent), Commit):
            raise NotFound(
                f"the model {self.model_id} has no checkpoint {parent.decode()}, which this one is said to have grown "
                "from; save it without grewFrom"
            )

    @staticmethod
    def _checkpoint(commit: Commit, annotated: Tag | None, manifest: Manifest) -> Checkpoint:
        return Checkpoint(
            commit=commit.id.decode(),
            parents=tuple(parent.decode() for parent in commit.parents),
            author=commits.author_of(commit),
            saved_at=commits.saved_at(commit, commit.id.decode()),
            manifest=manifest,
            tag=annotated.name.decode(errors="replace") if annotated else None,
            note=commits.note_of(annotated) if annotated else "",
        )

    def __iter__(self) -> Iterator[str]:
        """Yields the tags in the order of their names."""
        return iter(self.tags)


def _is_rootless(manifest: Manifest) -> bool:
    """Tells whether neither a checkpoint nor a git history comes before it."""
    return manifest.grew_from is None and manifest.code.commit is None


def _id(commit: str) -> ObjectID:
    return ObjectID(commit.encode())


def _entry(tree: Tree, name: bytes, path: str, of: str) -> ObjectID:
    try:
        return tree[name][1]
    except KeyError:
        raise DataCorrupt(f"{of} has no {path}") from None
