"""Snapshot: what is to be saved. Checkpoint: what has been."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .manifest import Manifest
from .names import checkpoint_id


@dataclass(frozen=True, slots=True)
class Author:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state that a runner has saved. The same snapshot is the same commit, whoever writes it and how often.

    `saved_at`, aware, is thus the time of the save, not of the writing; it is kept in whole seconds of UTC.
    """

    manifest: Manifest
    author: Author
    saved_at: datetime
    note: str = ""
    """Goes with the tag."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A snapshot that was saved. `tag` and `note` are None and "" where it was asked for by its id.

    `parents`: the checkpoint that it grew from, or else the commit of the code that the lineage began with.
    """

    commit: str
    parents: tuple[str, ...]
    author: Author
    saved_at: datetime
    manifest: Manifest
    tag: str | None = None
    note: str = ""

    @property
    def id(self) -> str:
        return checkpoint_id(self.commit)

    @property
    def grew_from(self) -> str | None:
        """The id of the checkpoint that it grew from."""
        commit = self.manifest.grew_from
        return None if commit is None else checkpoint_id(commit)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.manifest.payload)
