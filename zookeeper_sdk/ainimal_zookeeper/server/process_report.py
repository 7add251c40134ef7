"""Process report: how the side processes are, in a file, for functions that cannot ask the host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ainimal_zookeeper.domain.errors import Transient

from .processes import SideProcesses, SideProcessState


class ProcessReport:
    """Keeps `file` up to date. What it says is read whole or not at all."""

    def __init__(self, processes: SideProcesses, file: Path) -> None:
        self._processes = processes
        self._file = file
        self._written: Sequence[SideProcessState] | None = None

    def write(self) -> None:
        """Writes what has changed. Raises: Transient."""
        now = self._processes.snapshot()
        if now == self._written:
            return
        fresh = self._file.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(now), encoding="utf-8")
            fresh.replace(self._file)
        except OSError as error:
            raise Transient(f"{self._file} cannot be written: {error.strerror or error}") from error
        self._written = now
