"""The runner link's client: one kept connection, retries with back-off, and fencing."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, NotFound, Rejected, Transient, Unauthenticated

from .discretion import Discretion
from .settings import PROTOCOL, Settings

_REJECTED: Mapping[int, type[Rejected]] = {400: InvalidInput, 401: Unauthenticated, 404: NotFound}
REQUEST_TIMEOUT_S = 10.0


class Link:
    """Asks the runner link. Calls of several threads are answered one after the other.

    Raises, of every request: Conflict when fenced (another attempt runs, or the instance has ended), Rejected when it
    can never be granted, Transient while nothing answers.
    """

    def __init__(self, settings: Settings) -> None:
        parts = urlsplit(settings.link)
        if parts.scheme not in {"http", "https"} or parts.hostname is None:
            raise InvalidInput(f"ZOO_LINK is {settings.link!r}; it must be an http:// or https:// address")
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = connect(parts.hostname, parts.port, timeout=REQUEST_TIMEOUT_S)
        self._path = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {settings.token}", "Content-Type": "application/json"}
        self._identity = {"protocol": PROTOCOL, "instanceId": settings.instance_id, "attempt": settings.attempt}
        self._name = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._sequence = 0
        self._discretion = Discretion()

    def claim(self, patience_s: float = 60.0) -> dict[str, Any]:
        """Takes the instance and returns the launch; asks again for `patience_s` while nothing answers."""
        deadline = time.monotonic() + patience_s
        pause = 0.1
        while True:
            try:
                launch = self._ask("claim", {"runner": self._name})
                break
            except Transient as error:
                if time.monotonic() + pause > deadline:
                    raise
                time.sleep(max(pause, min(error.retry_after_s, 5.0)) if error.retry_after_s > 1 else pause)
                pause = min(pause * 2, 5.0)
        if launch.get("protocol") != PROTOCOL:
            raise InvalidInput(
                f"the zoo speaks runner link protocol {launch.get('protocol')!r}, this runner {PROTOCOL}; "
                "install the same version of ainimal-zookeeper on both sides"
            )
        self._discretion = Discretion.of(launch)
        return launch

    def desired(self) -> dict[str, Any]:
        return self._ask("desired", {})

    def numbered(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Returns `content` as the next report; sending that again is harmless."""
        self._sequence += 1
        return {"sequence": self._sequence, **content}

    def report(self, numbered: Mapping[str, Any]) -> dict[str, Any]:
        """Sends what `numbered` made, without the secrets that came with the claim."""
        return self._ask("report", self._discretion.told(numbered))

    def ticket(self, name: str, size_bytes: int) -> dict[str, Any]:
        """Returns `url` and `headers` of a link that creates an object under this attempt's prefix: `object`."""
        return self._ask("ticket", {"name": name, "sizeBytes": size_bytes})

    def checkpoint(self, request_id: str) -> dict[str, Any]:
        """Returns `url` and `headers` of what a request to restore asks for, what it must be, and its `timeline`."""
        return self._ask("checkpoint", {"id": request_id})

    def patch(self, override_id: str) -> dict[str, Any]:
        """Returns `baseUrl` and `headers` of the recording from which the rule takes what it puts in place."""
        return self._ask("patch", {"id": override_id})

    def recording(self, recording_id: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Says something of a recording, without the secrets that came with the claim."""
        return self._ask("recording", {"id": recording_id, **self._discretion.told(said)})

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _ask(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps({**self._identity, **fields}, allow_nan=False).encode()
        with self._lock:
            kept = self._connection.sock is not None
            try:
                status, answer, retry_after_s = self._exchange(name, body)
            except (OSError, HTTPException) as error:
                self._connection.close()
                # A kept connection may have been closed by the other side while it was idle: not a failure yet.
                if not kept or isinstance(error, TimeoutError):
                    raise Transient(f"the runner link at {self._address} does not answer ({error})") from error
                try:
                    status, answer, retry_after_s = self._exchange(name, body)
                except (OSError, HTTPException) as again:
                    self._connection.close()
                    raise Transient(f"the runner link at {self._address} does not answer ({again})") from again
        return _judged(name, status, answer, retry_after_s)

    def _exchange(self, name: str, body: bytes) -> tuple[int, bytes, float]:
        self._connection.request("POST", f"{self._path}/{name}", body, self._headers)
        response: HTTPResponse = self._connection.getresponse()
        answer = response.read()
        return response.status, answer, _seconds(response.getheader("Retry-After"))

    @property
    def _address(self) -> str:
        return f"{self._connection.host}:{self._connection.port}{self._path}"


def _judged(name: str, status: int, answer: bytes, retry_after_s: float) -> dict[str, Any]:
    try:
        content = json.loads(answer)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        content = {"message": f"status {status} without a JSON object"}
        status = status if status >= 300 else 502
    if status < 300:
        return content
    message = f"{name}: {content.get('message') or content.get('code') or status}"
    if status == 409:
        raise Conflict(message)
    if status in _REJECTED:
        raise _REJECTED[status](message)
    if 400 <= status < 500 and status not in {408, 429}:
        raise Rejected(message)
    raise Transient(message, retry_after_s)


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 1.0))
    except ValueError:
        return 1.0
