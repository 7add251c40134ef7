"""Scratch: a folder for what a job puts down for a moment; it goes with the job, however that ends.

A runner that is killed while it saves or loads leaves a copy of a model behind: after a week of those a disk is full.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


class Scratch:
    """A folder for each of the jobs below `root`, where `environ` wants temporary files, by a name that the next host
    finds again. It is short: sockets lie in such folders, and their paths may have a hundred characters.
    """

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        self._place = Path(environ.get("TMPDIR") or tempfile.gettempdir())

    def make(self, name: str) -> dict[str, str]:
        """Returns the variables of a job by which it finds its folder; none where it can have none of its own."""
        folder = self._folder(name)
        self.remove(name)
        try:
            folder.mkdir(mode=0o700)
        except OSError:  # no room, or somebody else's: then it finds a place by itself
            return {}
        return {"TMPDIR": str(folder)}

    def remove(self, name: str) -> None:
        """Takes away what a job has left, once it has ended. Idempotent."""
        folder = self._folder(name)
        with suppress(OSError):
            if folder.lstat().st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, name: str) -> Path:
        return self._place / f"zoo-{hashlib.sha256(os.fsencode(self._root / name)).hexdigest()[:16]}"
