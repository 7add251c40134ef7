"""Home: the folder of a configuration, from which everything in it is named, wherever a clone of it lies."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """`folder` is absolute."""

    folder: Path

    def relative(self, path: Path) -> str:
        """Returns `path` (absolute) as specifications have it: below the folder from there on, with slashes.

        What lies elsewhere stays absolute: a runner finds it on this machine alone.
        """
        below = _below(path, self.folder)
        if below is None and ".." in (*path.parts, *self.folder.parts):
            tidied = Path(os.path.normpath(path))
            if _same(tidied, path):  # a link may make `link/..` another folder than it looks
                below = _below(tidied, Path(os.path.normpath(self.folder)))
        return str(path) if below is None else below.as_posix()

    def holds(self, path: Path) -> bool:
        """Tells whether a copy of the folder has `path` as well: a link within it may lead elsewhere."""
        is_below = not Path(self.relative(path)).is_absolute()
        return is_below and path.resolve().is_relative_to(self.folder.resolve())

    def is_here(self, path: Path) -> bool:
        """Tells whether `path` (absolute) is one of this clone, or of the user who has it."""
        return path.is_relative_to(self.folder) or path.is_relative_to(Path.home())


def _below(path: Path, folder: Path) -> Path | None:
    try:
        below = path.relative_to(folder)
    except ValueError:
        return None
    return None if ".." in below.parts else below


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
