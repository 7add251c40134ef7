"""What is known of a file that is a whole model without opening it: which kind it is, and the hash of its bytes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from ainimal_zookeeper.domain.documents import MODEL_FILES

from .source import SourceFacts

_CHUNK = 1 << 20


def packed_type(path: Path) -> str | None:
    """Returns "pickle", "archive" or "onnx" by the end of the name; None for other files."""
    return MODEL_FILES.get(path.suffix.lower())


def read_packed(path: Path) -> SourceFacts:
    """Returns its revision, and why it cannot be read; a file that has not changed since is not read again."""
    try:
        state = path.stat()
    except OSError as error:
        return _unread(path, error)
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4096)
def _read(path: Path, _modified_ns: int, _size: int) -> SourceFacts:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        return _unread(path, error)
    return SourceFacts(path, digest.hexdigest()[:12], (), None, None)


def _unread(path: Path, error: OSError) -> SourceFacts:
    return SourceFacts(path, None, (), None, f"cannot be read: {error.strerror}")
