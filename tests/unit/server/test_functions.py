"""The functions in this process: their entry points, and the gate before those that start jobs."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from ainimal_zookeeper.domain.errors import NotFound
from ainimal_zookeeper.server.functions import Gate, entry_point
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send


@pytest.mark.parametrize("function", ["graphql_api", "job_launcher", "runner_link"])
def test_entry_points_are_found(function: str) -> None:
    """Each function has a main.py that functions-framework can read."""
    assert "functions_framework.aio" in entry_point(function).read_text()


def test_absent_entry_point_is_said() -> None:
    """An installation that lacks a function is named with where it was sought."""
    with pytest.raises(NotFound, match="the entry point of nothing_here is neither"):
        entry_point("nothing_here")


class Slow:
    """An application that answers when it is let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.set()
        await self.let_go.wait()
        await PlainTextResponse(Request(scope).url.path)(scope, receive, send)


async def test_gate_lets_those_inside_finish_and_nobody_in() -> None:
    """Who has begun is waited for; who comes later is told to come again."""
    slow = Slow()
    gate = Gate(slow)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://zoo") as client:
        early = asyncio.create_task(client.get("/launches"))
        await slow.entered.wait()
        assert not await asyncio.to_thread(gate.close, 0)
        late = await client.get("/launches")
        assert (late.status_code, late.headers["retry-after"]) == (503, "5")
        slow.let_go.set()
        assert (await early).text == "/launches"
        assert await asyncio.to_thread(gate.close, 0)


async def test_something_may_be_done_before_each_call() -> None:
    """The application is called once that is done, and those who find the gate closed cause nothing."""
    done = list[str]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        done.append("called")
        await PlainTextResponse("")(scope, receive, send)

    gate = Gate(app, lambda: done.append("looked"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://zoo") as client:
        await client.get("/launches")
        assert await asyncio.to_thread(gate.close, 1)
        await client.get("/launches")
    assert done == ["looked", "called"]
