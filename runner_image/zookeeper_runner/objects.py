"""Objects: bytes to and from the bucket over signed links, which are all that a runner may use of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ainimal_zookeeper.domain.errors import Conflict, DataCorrupt, NotFound, Rejected, Transient

from .digest import Digest

_CHUNK = 1 << 20
_SILENCE_S = 30.0


def upload(url: str, headers: Mapping[str, str], file: Path, patience_s: float) -> None:
    """Creates the object of the link from `file`.

    Raises: Conflict when it exists already, Rejected for a link that does not allow it, Transient when nothing answers
    for `patience_s`.
    """
    size = file.stat().st_size
    with file.open("rb") as source, _connected(url, patience_s) as connection:
        sent = {"Content-Type": "application/zip", **headers, "Content-Length": str(size)}
        connection.request("PUT", _target(url), source, sent)
        _judge(connection.getresponse())


def patiently_upload(ticket: Callable[[], dict[str, Any]], file: Path, deadline: float) -> dict[str, Any]:
    """Creates the object of a ticket from `file`, and asks again while nothing answers, until `deadline`.

    Returns the ticket. `ticket` gives one for the same object each time. Raises: as `upload`, and what `ticket` raises.
    """
    pause_s, may_be_there = 0.2, False
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise Transient(f"there is no time left to send {file.stat().st_size:,} bytes")
        try:
            granted = ticket()
            try:
                upload(granted["url"], granted["headers"], file, min(left_s, _SILENCE_S))
            except Conflict:
                if not may_be_there:
                    raise  # else it is what was sent before, whose answer was lost
            except Transient:
                may_be_there = True
                raise
            return granted
        except Transient:
            if time.monotonic() + pause_s > deadline:
                raise
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 5.0)


def download(
    url: str, headers: Mapping[str, str], file: Path, *, sha256: str, size_bytes: int, what: str = "the checkpoint"
) -> None:
    """Writes the object of the link, which people know as `what`, to `file`: whole and the right one when this returns.

    Raises: DataCorrupt when the bytes are others than were saved; NotFound, Rejected, Transient.
    """
    received, digest = 0, Digest()
    with _connected(url, _SILENCE_S) as connection, file.open("wb") as target, digest:
        connection.request("GET", _target(url), headers=dict(headers))
        response = connection.getresponse()
        _judge(response, drain=False)
        while chunk := response.read(_CHUNK):
            received += len(chunk)
            if received > size_bytes:
                break
            digest.update(chunk)
            target.write(chunk)
    if received < size_bytes and response.length:
        raise Transient(f"the bucket at {urlsplit(url).netloc} stopped after {received} of {size_bytes} bytes")
    found = digest.hexdigest()
    if received != size_bytes or found != sha256:
        raise DataCorrupt(
            f"{what} is damaged: {_bytes(received, size_bytes)} with SHA-256 {found[:12]}... came, "
            f"{size_bytes} bytes with {sha256[:12]}... were saved; nothing of it was loaded, launch a new instance"
        )


def patiently_download(
    url: str,
    headers: Mapping[str, str],
    file: Path,
    *,
    sha256: str,
    size_bytes: int,
    patience_s: float,
    what: str = "the checkpoint",
) -> None:
    """As `download`, and asks again while nothing answers, for about `patience_s`."""
    deadline = time.monotonic() + patience_s
    pause_s = 0.2
    while True:
        try:
            download(url, headers, file, sha256=sha256, size_bytes=size_bytes, what=what)
            return
        except Transient:
            if time.monotonic() + pause_s > deadline:
                raise
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 5.0)


def read(url: str, headers: Mapping[str, str]) -> bytes:
    """Returns a small object of the link. Raises: NotFound, Rejected, Transient."""
    with _connected(url, _SILENCE_S) as connection:
        connection.request("GET", _target(url), headers=dict(headers))
        response = connection.getresponse()
        _judge(response, drain=False)
        return response.read()


def patiently_read(url: str, headers: Mapping[str, str], *, patience_s: float) -> bytes:
    """As `read`, and asks again while nothing answers, for about `patience_s`."""
    deadline = time.monotonic() + patience_s
    pause_s = 0.2
    while True:
        try:
            return read(url, headers)
        except Transient:
            if time.monotonic() + pause_s > deadline:
                raise
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 5.0)


@contextmanager
def _connected(url: str, timeout_s: float) -> Iterator[HTTPConnection]:
    parts = urlsplit(url)
    if parts.hostname is None:
        raise Rejected(f"{url!r} is no link")
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=timeout_s, blocksize=_CHUNK)
    try:
        yield connection
    except (OSError, HTTPException) as error:
        raise Transient(f"the transfer with the bucket at {parts.netloc} failed ({error})") from error
    finally:
        connection.close()


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _judge(response: HTTPResponse, *, drain: bool = True) -> None:
    status = response.status
    if 200 <= status < 300:
        if drain:
            response.read()
        return
    message = f"the bucket answers {status}: {response.read(500).decode(errors='replace')}"
    if status == 404:
        raise NotFound(message)
    if status in {409, 412}:
        raise Conflict(message)
    if 400 <= status < 500 and status not in {408, 429}:
        raise Rejected(message)
    raise Transient(message)


def _bytes(received: int, expected: int) -> str:
    return f"more than {expected} bytes" if received > expected else f"{received} bytes"
