"""A runner's live server that a test plays: it welcomes, remembers what it is asked, and says what the test says."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ainimal_zookeeper.domain.tokens import attempt_token, same_token
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosedError

WAIT_S = 10.0


class FakeRunner:
    """Serves section 2 of the protocols for one attempt of one instance, on loopback. Use with `async with`."""

    def __init__(self, secret: bytes, instance_id: str = "ins_1", attempt: int = 1) -> None:
        self.heard: list[dict[str, Any]] = []
        self.connections: list[ServerConnection] = []
        self.connected_times = 0
        self.welcomes: list[str] = []  # said instead of a welcome, one to each of the first connections
        self.answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda asked: {"outputs": asked["inputs"], "step": 1}
        self._token = attempt_token(secret, "live", instance_id, attempt)
        self._instance_id = instance_id
        self._attempt = attempt
        self._server: Server | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> FakeRunner:
        self._server = await serve(self._talk, "127.0.0.1", 0, compression=None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def address(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    def asked(self, kind: str) -> list[dict[str, Any]]:
        """Returns the messages of a type that came, oldest first."""
        return [message for message in self.heard if message["type"] == kind]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until `holds` after some message or connection."""
        async with asyncio.timeout(WAIT_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def say(self, **message: Any) -> None:
        """Sends a text message to every client."""
        for connection in self.connections:
            await connection.send(json.dumps(message))

    async def say_value(self, path: str, payload: bytes = b"", **header: Any) -> None:
        """Sends a value to whoever watches `path`."""
        for message in self.asked("watch"):
            if message["path"] == path:
                full = {"timeline": 1, "step": 0, "time": 1.5, "overridden": False, "dropped": 0, **header}
                for connection in self.connections:
                    await connection.send(binary({**full, "id": message["id"]}, payload))

    async def hang_up(self) -> None:
        """Loses all connections."""
        for connection in list(self.connections):
            connection.transport.abort()
        await self.until(lambda: not self.connections)

    async def _talk(self, connection: ServerConnection) -> None:
        hello = json.loads(await connection.recv())
        if not same_token(hello["token"], self._token):
            await connection.close(4401)
            return
        if self.welcomes:
            await connection.send(self.welcomes.pop(0))
            return
        welcome = {"type": "welcome", "protocol": 1, "instanceId": self._instance_id, "attempt": self._attempt}
        await connection.send(json.dumps({**welcome, "timeline": 1}))
        self.connections.append(connection)
        self.connected_times += 1
        self._changed.set()
        try:
            async for text in connection:
                message = json.loads(text)
                self.heard.append(message)
                self._changed.set()
                kind = {"infer": "inferred", "control": "controlled"}.get(message["type"])
                if kind is not None:
                    answer = {"type": kind, "id": message["id"], **self.answer(message)}
                    await connection.send(json.dumps(answer))
        except ConnectionClosedError:
            pass
        finally:
            self.connections.remove(connection)
            self._changed.set()


def binary(header: dict[str, Any], payload: bytes) -> bytes:
    """Returns a binary message as docs/protocols.md lays it out."""
    text = json.dumps(header).encode()
    start = struct.pack("<I", len(text)) + text
    return start + bytes(-len(start) % 8) + payload
