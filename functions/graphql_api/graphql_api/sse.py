"""Server-sent events in the distinct connections mode of GraphQL over SSE: one stream per subscription."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from ainimal_zookeeper.domain.access import Principal
from graphql import ExecutionResult
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from .encoding import encode
from .engine import Engine, Request
from .operations import Operation
from .outlet import Outlet

HEARTBEAT_S = 12.0  # shorter than what proxies take for silence

_log = logging.getLogger(__name__)
_HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
_MEDIA = "text/event-stream; charset=utf-8"
_COMPLETE = b"event: complete\ndata:\n\n"


def single(payload: Mapping[str, Any]) -> Response:
    """Answers a query, a mutation or a refusal to a client that wants events."""
    return Response(_next(payload) + _COMPLETE, media_type=_MEDIA, headers=_HEADERS)


def stream(engine: Engine, request: Request, operation: Operation, principal: Principal) -> Response:
    """Answers a subscription. Its end without `complete` tells the client to connect again."""
    outlet = Outlet()
    return _Stream(_frames(engine, request, operation, principal, outlet), outlet)


class _Stream(StreamingResponse):
    """A response that lasts. It lets go of its source at once, whoever ends it."""

    def __init__(self, frames: AsyncGenerator[bytes, None], outlet: Outlet) -> None:
        super().__init__(frames, media_type=_MEDIA, headers=_HEADERS)
        self._frames = frames
        self._outlet = outlet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Servers hide the connection from what they serve; both protocols of uvicorn leave it at `receive`.
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is not None:
            self._outlet.cut = transport.abort
        async with aclosing(self._frames):
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        async def patiently(message: Message) -> None:
            async with asyncio.timeout(self._outlet.stall_s):
                await send(message)

        try:
            await super().stream_response(patiently)
        except TimeoutError:
            _log.info("a client takes nothing; its stream is cut")
            self._outlet.cut()


async def _frames(
    engine: Engine, request: Request, operation: Operation, principal: Principal, outlet: Outlet
) -> AsyncGenerator[bytes, None]:
    results = await engine.subscribe(request, operation, principal, outlet)
    if isinstance(results, ExecutionResult):
        yield _next(engine.answer(results)) + _COMPLETE
        return
    following: asyncio.Task[ExecutionResult] | None = None
    try:
        # A comment at once lets the client know that it is connected.
        yield b":\n\n"
        while True:
            following = asyncio.ensure_future(_following(results))
            while not (await asyncio.wait({following}, timeout=HEARTBEAT_S))[0]:
                yield b":\n\n"
            try:
                result = following.result()
            except _Ended:
                return
            frame = _next(engine.answer(result))
            if outlet.admits(len(frame)):
                yield frame
    except Exception:  # noqa: BLE001  it is logged, and ends this stream only
        # The answer has begun: all that is left to do is to end it, upon which the client connects again.
        _log.exception("a stream failed")
    finally:
        await _end(results, following)


async def _following(results: AsyncIterator[ExecutionResult]) -> ExecutionResult:
    try:
        return await anext(results)
    except StopAsyncIteration:
        raise _Ended from None


class _Ended(Exception):
    """Stands for StopAsyncIteration, which a task cannot carry."""


async def _end(results: AsyncIterator[ExecutionResult], following: asyncio.Task[ExecutionResult] | None) -> None:
    """Lets the source let go, whatever it waits for."""
    if following is not None and not following.done():
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    close = getattr(results, "aclose", None)
    if close is not None:
        await close()


def _next(payload: Mapping[str, Any]) -> bytes:
    return b"event: next\ndata: " + encode(payload) + b"\n\n"
