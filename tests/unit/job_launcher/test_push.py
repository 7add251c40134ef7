"""The push endpoint: queue messages over HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from ainimal_zookeeper.domain.errors import Transient
from job_launcher import Launcher, Push, Reconciler
from starlette.applications import Starlette
from starlette.routing import Route

from tests.fakes import zoo
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.compute import FakeCompute
from tests.fakes.queue import FakeQueue
from tests.fakes.store import MemoryStore


class Pusher:
    """Sends bodies to the endpoint."""

    def __init__(self) -> None:
        clock, store = FakeClock(), MemoryStore()
        self.compute = FakeCompute()
        zoo.furnish(store)
        zoo.add(store, zoo.instance(clock.now()))
        launcher = Launcher(store=store, compute=self.compute, clock=clock, secret=zoo.SECRET, link_url="http://link")
        reconciler = Reconciler(store=store, queue=FakeQueue(), compute=self.compute, clock=clock, ids=SequentialIds())
        push = Push(launcher=launcher, reconciler=reconciler)
        self._app = Starlette(
            routes=[Route("/launch", push.deliver, methods=["POST"]), Route("/run", push.reconcile, methods=["POST"])]
        )

    async def send(self, path: str, body: bytes) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://launcher") as client:
            return (await client.post(path, content=body)).status_code


def wrapped(data: Any) -> bytes:
    text = base64.b64encode(json.dumps(data).encode()).decode()
    return json.dumps({"message": {"data": text, "messageId": "1"}, "subscription": "s"}).encode()


async def test_push_message_is_launched_and_acknowledged() -> None:
    """204 tells the queue that the message is done with."""
    pusher = Pusher()
    assert await pusher.send("/launch", wrapped({"instanceId": "ins_1", "attempt": 1})) == 204
    assert ("ins_1", 1) in pusher.compute.jobs


async def test_push_message_that_must_wait_is_refused() -> None:
    """503 makes the queue send the message again."""
    pusher = Pusher()
    pusher.compute.refuse = Transient("quota")
    assert await pusher.send("/launch", wrapped({"instanceId": "ins_1", "attempt": 1})) == 503


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"message":{"data":"%%"}}', wrapped([1]), b"x" * 300_000])
async def test_body_that_is_no_message_does_not_come_again(body: bytes) -> None:
    """What is malformed once is malformed for ever."""
    pusher = Pusher()
    assert await pusher.send("/launch", body) == 204
    assert pusher.compute.launches == 0


async def test_timer_runs_the_reconciler() -> None:
    """The timer's call is answered once the reconciler has run."""
    assert await Pusher().send("/run", b"") == 204
