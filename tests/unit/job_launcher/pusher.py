"""A launcher with its endpoints, and what sends messages to it as Pub/Sub does."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
from ainimal_zookeeper.ports.callers import Callers
from job_launcher import Launcher, Push, Reconciler
from job_launcher.staged import StagedCatalogue
from starlette.applications import Starlette
from starlette.routing import Route

from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.compute import FakeCompute
from tests.fakes.queue import FakeQueue
from tests.fakes.store import MemoryStore


class Pusher:
    """Sends bodies to the endpoints of a zoo with the instances `ins_1`, `ins_2` and `env_1`."""

    def __init__(
        self,
        *,
        compute: FakeCompute | None = None,
        queue: FakeQueue | None = None,
        store: MemoryStore | None = None,
        callers: Callers | None = None,
        catalogue: StagedCatalogue | None = None,
    ) -> None:
        self.clock, self.store = FakeClock(), store or MemoryStore()
        self.compute, self.queue = compute or FakeCompute(), queue or FakeQueue()
        zoo.furnish(self.store)
        for name in ("ins_1", "ins_2", "env_1"):
            zoo.add(self.store, zoo.instance(self.clock.now(), name))
        self.launcher = Launcher(
            store=self.store, compute=self.compute, clock=self.clock, secret=zoo.SECRET, link_url="http://link"
        )
        self.reconciler = self.new_reconciler()
        push = Push(launcher=self.launcher, reconciler=self.reconciler, callers=callers, catalogue=catalogue)
        self._app = Starlette(
            routes=[Route("/launch", push.deliver, methods=["POST"]), Route("/run", push.reconcile, methods=["POST"])]
        )

    def new_reconciler(self) -> Reconciler:
        """Returns one that knows nothing of the others, as in a process of its own."""
        return Reconciler(
            store=self.store,
            queue=self.queue,
            compute=self.compute,
            bucket=MemoryBucket,
            clock=self.clock,
            ids=SequentialIds(),
        )

    async def post(self, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://launcher") as client:
            return await client.post(path, content=body, headers=headers)

    async def send(self, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> int:
        return (await self.post(path, body, headers)).status_code


def wrapped(data: Any, **changes: Any) -> bytes:
    """Returns the body with which Pub/Sub pushes `data`; `changes` are of the message."""
    text = base64.b64encode(json.dumps(data).encode()).decode()
    message = {"data": text, "messageId": "1", "attributes": {"id": "msg_1"}, **changes}
    return json.dumps({"message": message, "subscription": "s"}).encode()


def wanted(id: str = "ins_1", attempt: int = 1) -> bytes:
    return wrapped({"kind": "instance", "instanceId": id, "attempt": attempt, "commandId": None})
