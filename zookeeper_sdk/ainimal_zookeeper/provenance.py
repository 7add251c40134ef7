"""Provenance: where the sources of models stand in git, told for many models again and again.

Git is imported only once a model lies in a work tree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ainimal_zookeeper.domain.documents import CodeDoc, ModelDoc
from ainimal_zookeeper.domain.errors import InvalidInput

if TYPE_CHECKING:
    from ainimal_zookeeper.checkpoints.source import Head, SourceRepository, SourceState

CEILINGS = "GIT_CEILING_DIRECTORIES"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found of a file: it stands while the file, its work tree, and HEAD there are the same."""

    file: tuple[int, ...]
    tree: Path | None
    head: bytes | str | None
    answer: SourceState | str | None  # a text says why it cannot be told


class Provenance:
    """Tells it of the models of a configuration in the folder `home`. One thread at a time may call `told`.

    environ: where git's own GIT_CEILING_DIRECTORIES may name folders beyond which no repository is looked for.
    at_hand: whether this process stays, and can keep history with checkpoints and push their tags.
    """

    def __init__(self, home: Path, environ: Mapping[str, str], *, at_hand: bool) -> None:
        self._home = home
        self._ceilings = frozenset(Path(folder) for folder in environ.get(CEILINGS, "").split(os.pathsep) if folder)
        self._at_hand = at_hand
        self._seen: dict[Path, _Seen] = {}

    def told(self, models: Iterable[ModelDoc]) -> list[ModelDoc]:
        """Returns the models, each with where its source stands now, or with the finding why that cannot be told.

        Each repository is opened once, and a file is read only when it or HEAD has changed since it was told last.
        """
        seen: dict[Path, _Seen] = {}
        told = list[ModelDoc]()
        with ExitStack() as stack:
            look = _Look(stack, self._ceilings)
            for model in models:
                path = self._source(model)
                found = None
                if path is not None:
                    found = seen.get(path) or self._look_at(path, look)
                    if found is not None:
                        seen[path] = found
                told.append(model if found is None else self._with(model, found.answer))
        self._seen = seen
        return told

    def repository_of(self, model: ModelDoc) -> SourceRepository | None:
        """Returns the git repository that has a model's source now. Raises: InvalidInput for one that is unreadable."""
        from ainimal_zookeeper.checkpoints.source import SourceRepository

        path = self._source(model)
        return None if path is None else SourceRepository.find(path, tuple(self._ceilings))

    def _source(self, model: ModelDoc) -> Path | None:
        return None if "uploaded" in model else _source_in(self._home, model["specJson"])

    def _look_at(self, path: Path, look: _Look) -> _Seen | None:
        """Returns what is found of a file; None where there is none."""
        try:
            resolved = look.resolved(path)
            state = resolved.stat()
            tree = look.tree_of(resolved.parent)
        except (OSError, RuntimeError):  # the latter: links that lead in a circle
            return None
        file = (state.st_dev, state.st_ino, state.st_mtime_ns, state.st_size)
        head = None if tree is None else look.head_of(tree)
        before = self._seen.get(path)
        if before is not None and (before.file, before.tree, before.head) == (file, tree, head):
            return before
        return _Seen(file, tree, head, None if tree is None else look.answer(tree, resolved))

    def _with(self, model: ModelDoc, answer: SourceState | str | None) -> ModelDoc:
        if answer is None:
            return model
        if isinstance(answer, str):
            return {**model, "findings": [*model["findings"], answer]}
        code: CodeDoc = {
            "commit": answer.commit,
            "path": answer.path,
            "modified": answer.modified,
            "atHand": self._at_hand,
        }
        return {**model, "code": code}


class _Look:
    """What one look at all sources has found of folders and repositories, which stay open for so long."""

    def __init__(self, stack: ExitStack, ceilings: frozenset[Path]) -> None:
        self._stack = stack
        self._ceilings = ceilings
        self._folders: dict[Path, Path] = {}
        self._trees: dict[Path, Path | None] = {}
        self._heads: dict[Path, Head | str] = {}  # a text says why it cannot be read

    def resolved(self, path: Path) -> Path:
        """Returns the file that a path leads to. Raises: OSError, RuntimeError where there is none."""
        if path.is_symlink():
            return path.resolve(strict=True)
        parent = path.parent
        if parent not in self._folders:
            self._folders[parent] = parent.resolve()
        folder = self._folders[parent]
        return path if folder == parent else folder / path.name

    def tree_of(self, folder: Path) -> Path | None:
        """Returns the work tree that a folder is in."""
        if folder not in self._trees:
            self._trees[folder] = self._find_tree(folder)
        return self._trees[folder]

    def head_of(self, tree: Path) -> bytes | str | None:
        """Returns the commit of a work tree, or why it has none to tell."""
        head = self._heads[tree]
        return head if isinstance(head, str) else head.commit

    def answer(self, tree: Path, source: Path) -> SourceState | str | None:
        """Returns where a source in a work tree stands."""
        head = self._heads[tree]
        if isinstance(head, str):
            return head
        try:
            return head.state_of(source)
        except InvalidInput as error:
            return _trouble(error, tree)

    def _find_tree(self, folder: Path) -> Path | None:
        if (folder / ".git").exists():  # a file in the work trees of submodules and of `git worktree`
            self._heads[folder] = self._head(folder)
            return folder
        above = folder.parent
        return None if above == folder or above in self._ceilings else self.tree_of(above)

    def _head(self, tree: Path) -> Head | str:
        from ainimal_zookeeper.checkpoints.source import Head, SourceRepository

        try:
            return Head(tree, self._stack.enter_context(SourceRepository(tree, tree).opened()))
        except InvalidInput as error:
            return _trouble(error, tree)


def _trouble(error: InvalidInput, tree: Path) -> str:
    """Returns the finding, without the path: the catalogue holds none of one machine."""
    said = error.message.replace(f"git repository {tree}", "git repository of the source").replace(str(tree), ".")
    return f"{said}; checkpoints begin without its history"


@lru_cache(maxsize=4096)
def _source_in(home: Path, spec: str) -> Path | None:
    path = json.loads(spec).get("path")
    return None if path is None else home / path
