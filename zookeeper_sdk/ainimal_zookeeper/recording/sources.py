"""Sources: where the objects of a recording are read from: a folder, or by HTTP and no more than is asked for."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from ainimal_zookeeper.domain.errors import NotFound, Rejected, Transient

_SILENCE_S = 30.0


class Source(Protocol):
    """The objects of one recording. Raises: NotFound for one that is not there; Rejected, Transient."""

    def whole(self, name: str) -> bytes:
        """Returns all of an object."""

    def part(self, name: str, start: int, stop: int) -> bytes:
        """Returns the bytes from `start` up to `stop`, fewer where the object ends before."""

    def close(self) -> None:
        """Lets go of what reading took; it may be read again."""


class Folder:
    """The objects are files of a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def whole(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"there is no {name} in {self.path}") from None

    def part(self, name: str, start: int, stop: int) -> bytes:
        try:
            with (self.path / name).open("rb") as file:
                file.seek(start)
                # A reader takes the memory for all that it is asked for, be there so much or not.
                return file.read(max(0, min(stop, os.fstat(file.fileno()).st_size) - start))
        except FileNotFoundError:
            raise NotFound(f"there is no {name} in {self.path}") from None

    def close(self) -> None:
        pass


class Ranges:
    """The objects are answered over HTTP, each at `base_url` and its name, or where `links` says, and by ranges.

    base_url, headers: as an API's `RecordingAccess`. links: address and headers by name, for those that are signed one
    by one. A connection is kept open between requests; threads take turns.
    """

    def __init__(
        self,
        base_url: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        links: Mapping[str, tuple[str, Mapping[str, str]]] | None = None,
    ) -> None:
        self._base_url = base_url
        self._headers = dict(headers or {})
        self._links = links
        self._lock = threading.Lock()
        self._connection: tuple[tuple[str, str], HTTPConnection] | None = None

    def whole(self, name: str) -> bytes:
        status, body = self._get(name, {})
        _judge(status, body, name)
        return body

    def part(self, name: str, start: int, stop: int) -> bytes:
        if stop <= start:
            return b""
        status, body = self._get(name, {"Range": f"bytes={start}-{stop - 1}"})
        if status == 416:  # it ends before
            return b""
        _judge(status, body, name)
        return body if status == 206 else body[start:stop]

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _get(self, name: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._links is None:
            url, own = self._base_url + quote(name), self._headers
        elif name in self._links:
            url, own = self._links[name][0], dict(self._links[name][1])
        else:
            raise NotFound(f"there is no link to {name}")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.hostname is None:
            raise Rejected(f"{url!r} is no address of a recording")
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        asked = {**own, **headers, "Accept-Encoding": "identity"}
        with self._lock:
            return self._ask((parts.scheme, parts.netloc), target, asked)

    def _ask(self, place: tuple[str, str], target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        is_fresh = self._connection is None or self._connection[0] != place
        try:
            return self._exchange(place, target, headers)
        except (OSError, HTTPException) as error:
            self._drop()
            if is_fresh:
                raise Transient(f"reading from {place[1]} failed: {error}") from error
        try:  # the other end may have closed a connection that nobody used for a while
            return self._exchange(place, target, headers)
        except (OSError, HTTPException) as error:
            self._drop()
            raise Transient(f"reading from {place[1]} failed: {error}") from error

    def _exchange(self, place: tuple[str, str], target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._connection is None or self._connection[0] != place:
            self._drop()
            connect = HTTPSConnection if place[0] == "https" else HTTPConnection
            self._connection = place, connect(place[1], timeout=_SILENCE_S)
        connection = self._connection[1]
        connection.request("GET", target, headers=dict(headers))
        response: HTTPResponse = connection.getresponse()
        return response.status, response.read()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection[1].close()
            self._connection = None


def _judge(status: int, body: bytes, name: str) -> None:
    if status in {200, 206}:
        return
    message = f"{name} cannot be read, the answer is {status}: {body[:300].decode(errors='replace')}"
    if status == 404:
        raise NotFound(message)
    if 400 <= status < 500 and status not in {408, 429}:
        raise Rejected(message)
    raise Transient(message)


def source_of(place: Source | Path | str) -> Source:
    """Returns where `place` is read from: a folder, or a source itself."""
    return Folder(Path(place)) if isinstance(place, (str, Path)) else place
