"""Digest: the SHA-256 of bytes that are on their way somewhere, computed beside that."""

from __future__ import annotations

import hashlib
import queue
import threading
from types import TracebackType
from typing import Any

_AHEAD = 16  # pieces that may wait to be hashed


class Digest:
    """Hashes what it is told in a thread of its own, which lives as long as the `with`.

    Hashing takes as long as reading and writing do: beside each other they take as long as one of them.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._pieces: queue.Queue[Any] = queue.Queue(_AHEAD)
        self._thread = threading.Thread(target=self._run, name="zoo-digest", daemon=True)

    def __enter__(self) -> Digest:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._pieces.put(None)
        self._thread.join()

    def update(self, piece: Any) -> None:
        """Takes the next bytes, which must stay as they are until the end of the `with`."""
        self._pieces.put(piece)

    def hexdigest(self) -> str:
        """Returns what all of it comes to, after the `with`."""
        return self._hash.hexdigest()

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._hash.update(piece)
