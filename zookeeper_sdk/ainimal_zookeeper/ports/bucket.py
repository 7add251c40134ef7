"""Bucket: whole objects under names, with preconditions and links that let others move the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """`generation` grows with each write of the name and is never 0.

    `sha256` (hex) is empty where nobody has computed it: Cloud Storage does not for what came by a link.
    """

    name: str
    size_bytes: int
    generation: int
    sha256: str
    content_type: str


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A link that works until `expires_at` for whoever sends `headers` with the request."""

    url: str
    expires_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """Objects to be read by `GET` of `base_url` and what of their names follows the prefix, quoted, also by ranges.

    It works until `expires_at` for whoever sends `headers` with each request. `base_url` ends with a `/`.
    """

    base_url: str
    expires_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


class Bucket(Protocol):
    """Names are `/`-separated, without empty, `.` or `..` parts. Writes are atomic: a reader sees old or new, whole.

    Raises: InvalidInput for a bad name, NotFound for an absent object, Conflict where a precondition fails,
    Transient when the disk is full or the service away.
    """

    def put(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        """Writes an object. `if_generation`: only over that generation; 0: only if absent."""
        ...

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Returns the bytes [start, end); fewer at the end of the object. Raises: InvalidInput for start > size."""
        ...

    def info(self, name: str) -> ObjectInfo | None: ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yields the objects whose names start with `prefix`, in the order of their names."""
        ...

    def delete(self, name: str, *, if_generation: int | None = None) -> None: ...

    def sign_get(self, name: str, expires_s: float = 900) -> SignedUrl:
        """A link to read the object, also by ranges."""
        ...

    def sign_put(self, name: str, size_bytes: int, expires_s: float = 900) -> SignedUrl:
        """A link to create the object once (`PUT`); one that exists already is never replaced by it."""
        ...

    def share(self, prefix: str, lifetime_s: float = 3600) -> Share:
        """Lets others read every object whose name starts with `prefix`, which ends with `/`, and nothing else.

        It may end sooner than after `lifetime_s`, which is at most an hour. Raises: InvalidInput, Transient.
        """
        ...
