"""Neighbours: the side processes of the host that a function runs beside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Neighbours:
    """The side processes as {name, running, restarts, url}, read from the file in which the host tells of them."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self) -> Sequence[Mapping[str, Any]]:
        """Returns them; none while the host has not told of any."""
        try:
            told: list[dict[str, Any]] = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return ()
        return told
