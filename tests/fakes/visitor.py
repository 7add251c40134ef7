"""A visitor of the API, without a network: asks, and opens streams that a test reads event by event."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any

from ainimal_zookeeper.domain.access import Principal
from graphql_api.api import Api
from starlette.requests import Request
from starlette.types import Message

WAIT_S = 10.0


class Visitor:
    """Sends requests to `api` as `principal`."""

    def __init__(self, api: Api, principal: Principal | None = None) -> None:
        self.api = api
        self.principal = principal

    async def send(
        self,
        method: str = "POST",
        path: str = "/graphql",
        body: bytes = b"",
        query_string: str = "",
        **headers: str,
    ) -> tuple[int, dict[str, str], bytes]:
        """Returns status, headers and body. Underscores in the names of headers stand for dashes."""
        connection = _Connection(body)
        response = await self.api.handle(
            Request(_scope(method, path, query_string, headers), connection.receive), self.principal
        )
        await response(_scope(method, path, query_string, headers), connection.receive, connection.send)
        return connection.status, connection.headers, b"".join(connection.parts)

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Returns the whole answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        _, _, answer = await self.send(body=body, content_type="application/json")
        read: dict[str, Any] = json.loads(answer)
        return read

    async def data(self, query: str, **variables: Any) -> dict[str, Any]:
        """Returns the data of an answer without errors."""
        answer = await self.ask(query, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def watch(self, query: str, **variables: Any) -> Tab:
        """Returns a stream to be entered with `async with`."""
        return Tab(self, query, variables)


class Tab:
    """One open subscription."""

    def __init__(self, visitor: Visitor, query: str, variables: dict[str, Any]) -> None:
        body = json.dumps({"query": query, "variables": variables}).encode()
        self._connection = _Connection(body)
        self._visitor = visitor
        self._task: asyncio.Task[None] | None = None
        self._unread = b""

    async def __aenter__(self) -> Tab:
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Closes the connection, as a browser that goes away."""
        assert self._task is not None
        self._connection.gone.set()
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(self._task, return_exceptions=True)

    async def event(self) -> dict[str, Any] | None:
        """Returns the next result; None when the stream has ended."""
        async with asyncio.timeout(WAIT_S):
            while True:
                frame, found, rest = self._unread.partition(b"\n\n")
                if found:
                    self._unread = rest
                    if frame.startswith(b"event: next"):
                        read: dict[str, Any] = json.loads(frame.partition(b"data: ")[2])
                        return read
                    continue
                part = await self._connection.bodies.get()
                if part is None:
                    return None
                self._unread += part

    @property
    def received_bytes(self) -> int:
        """How much the stream has carried so far."""
        return sum(len(part) for part in self._connection.parts)

    async def live(self) -> dict[str, Any]:
        """Returns the next `LiveEvent`."""
        event = await self.event()
        assert event is not None
        assert "errors" not in event, event
        live: dict[str, Any] = event["data"]["live"]
        return live

    async def live_until(self, wanted: Any) -> dict[str, Any]:
        """Returns the first `LiveEvent` for which `wanted` holds."""
        while True:
            event = await self.live()
            if wanted(event):
                return event

    async def _serve(self) -> None:
        headers = {"content_type": "application/json", "accept": "text/event-stream"}
        scope = _scope("POST", "/graphql", "", headers)
        request = Request(scope, self._connection.receive)
        response = await self._visitor.api.handle(request, self._visitor.principal)
        await response(scope, self._connection.receive, self._connection.send)


class _Connection:
    def __init__(self, body: bytes) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.bodies: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.gone = asyncio.Event()
        self._body: bytes | None = body

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            body = message.get("body", b"")
            self.parts.append(body)
            self.bodies.put_nowait(body)
            if not message.get("more_body", False):
                self.bodies.put_nowait(None)


def _scope(method: str, path: str, query_string: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query_string.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
