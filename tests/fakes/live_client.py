"""A client of the live link for tests: says hello, and reads until something comes."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from websockets.sync.client import connect
from zookeeper_runner.live.frames import unpack


class LiveClient:
    """Connected and welcomed; `close` when done. Every message that came is in `messages`, values as headers."""

    def __init__(self, address: str, token: str) -> None:
        self._connection = connect(f"ws://{address}/live", compression=None, proxy=None)
        self.messages: list[dict[str, Any]] = []
        self._unread: deque[dict[str, Any]] = deque()
        self.send({"type": "hello", "protocol": 1, "token": token})
        self.welcome = self.until(lambda message: message["type"] == "welcome")

    def send(self, message: dict[str, Any]) -> None:
        self._connection.send(json.dumps(message))

    def watch(self, id: int, path: str, **fields: Any) -> None:
        self.send({"type": "watch", "id": id, "path": path, **fields})

    def value(self, id: int, condition: Callable[[dict[str, Any]], Any] = lambda _: True) -> dict[str, Any]:
        """Waits for the next value of watch `id` that fulfils `condition`; its payload is under "payload"."""
        return self.until(lambda message: message["type"] == "value" and message["id"] == id and condition(message))

    def until(self, condition: Callable[[dict[str, Any]], Any], patience_s: float = 10.0) -> dict[str, Any]:
        """Returns the next message that fulfils `condition`; others stay to be read. Raises: TimeoutError."""
        for content in self._unread:
            if condition(content):
                self._unread.remove(content)
                return content
        deadline = time.monotonic() + patience_s
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"it did not come; the last were {self.messages[-5:]}")
            message = self._connection.recv(left_s)
            received_at = time.time()
            if isinstance(message, bytes):
                header, payload = unpack(message)
                content = {"type": "value", **header, "payload": bytes(payload), "receivedAt": received_at}
            else:
                content = json.loads(message)
            self.messages.append(content)
            if condition(content):
                return content
            self._unread.append(content)

    def close(self) -> None:
        self._connection.close()
