"""A viewer of the live stream that keeps to the protocol, and a story in the zoo for it to follow."""

from __future__ import annotations

import asyncio
import contextlib
import random
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from ainimal_zookeeper.domain.documents import Collections
from ainimal_zookeeper.domain.events import event
from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.ports.store import DocumentStore
from graphql_api.api import Api
from websockets.exceptions import ConnectionClosed

from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.runner import FakeRunner
from tests.fakes.visitor import Tab, Visitor

LIVE = """subscription($i:LiveInput!){live(input:$i){kind cursor events{id} logs{text}}}"""
PATIENCE_S = 20.0
NOTHING: tuple[set[str], set[str]] = (set(), set())


class Follower:
    """A client that keeps to the protocol: it opens the next stream before it leaves the last one."""

    def __init__(self, random_: random.Random, apis: list[Api], wanted: dict[str, Any]) -> None:
        self.events: list[str] = []
        self.lines: list[str] = []
        self.streams = 0
        self.missing = NOTHING
        self._random = random_
        self._apis = apis
        self._wanted = wanted
        self._cursor: str | None = None
        self._tabs = AsyncExitStack()
        self._tab: Tab | None = None
        self._task: asyncio.Task[None] | None = None
        self.changed = asyncio.Event()

    async def __aenter__(self) -> Follower:
        await self._tabs.__aenter__()
        await self.move()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._tabs.aclose()

    async def until(self, story: Story) -> None:
        """Waits until everything was told."""
        async with asyncio.timeout(PATIENCE_S):
            while (missing := (set(story.events) - set(self.events), set(story.lines) - set(self.lines))) != NOTHING:
                self.missing = missing
                self.changed.clear()
                await self.changed.wait()

    async def move(self) -> None:
        """Continues on a stream of some process, as after a connection that was lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._tab is not None:
            await self._tab.leave()
        self._tab, first = await self._open()
        self._hear(first)
        self._task = asyncio.create_task(self._read())

    async def _open(self) -> tuple[Tab, dict[str, Any]]:
        since = {} if self._cursor is None else {"since": self._cursor}
        tab = Visitor(self._random.choice(self._apis)).watch(LIVE, i={**self._wanted, **since})
        await self._tabs.enter_async_context(tab)
        self.streams += 1
        return tab, await tab.live()

    async def _read(self) -> None:
        while True:
            assert self._tab is not None
            told = await self._tab.event()
            live = None if told is None else told["data"]["live"]
            if live is not None:
                self._hear(live)
            if live is None or live["kind"] == "ROTATE":
                last = self._tab
                self._tab, first = await self._open()
                self._hear(first)
                await last.leave()

    def _hear(self, live: dict[str, Any]) -> None:
        self._cursor = live["cursor"]
        self.events += [each["id"] for each in live["events"]]
        self.lines += [each["text"] for each in live["logs"]]
        self.changed.set()


class Story:
    """What happens in the zoo, in whatever order it reaches the store."""

    def __init__(self, random_: random.Random, store: DocumentStore, clock: FakeClock, runner: FakeRunner) -> None:
        self.events: list[str] = []
        self.lines: list[str] = []
        self._random = random_
        self._store = store
        self._clock = clock
        self._runner = runner
        self._unreported: list[dict[str, str]] = []
        self._chunks = 0

    def happen(self, *, late: bool = True) -> None:
        """An event, stored up to 45 s after its time; several share a time."""
        at = self._clock.now() - timedelta(seconds=self._random.choice([0, 0, 0.000001, 1, 10, 45]) if late else 0)
        event_id = f"evt_{self._random.randrange(10**9):09}"
        self.events.append(event_id)
        zoo.put(self._store, Collections.EVENTS, dict(event(event_id, "ins_1", "WARNING", "said", at)))

    async def print(self, text: str = "") -> None:
        """A line; it has the time of the line before or an earlier one, and the link may miss it."""
        at = self._clock.now() - timedelta(microseconds=self._random.choice([0, 0, 1, 5]))
        line = {"at": timestamp(at), "stream": "stdout", "text": text or f"line {len(self.lines)}"}
        self.lines.append(line["text"])
        self._unreported.append(line)
        if self._random.random() < 0.7 and self._runner.connections:
            with contextlib.suppress(ConnectionClosed):
                await self._runner.say(type="log", lines=self._unreported[-self._random.choice([1, 1, 3]) :])

    def report(self) -> None:
        """What was printed is stored, also what the link brought long ago."""
        if self._unreported:
            self._chunks += 1
            chunk = {
                "id": f"log_{self._chunks}",
                "instanceId": "ins_1",
                "order": 1_000_000_000 + self._chunks,
                "firstLine": 0,
                "lines": self._unreported,
            }
            zoo.put(self._store, Collections.LOGS, chunk)
            self._unreported = []


async def follow(story: Story, follower: Follower, random_: random.Random, clock: FakeClock, deeds: int) -> None:
    """Lets `deeds` things happen, some of them to the follower's connection, and waits until it was told everything."""
    for _ in range(deeds):
        clock.advance(random_.choice([0, 0, 0.001, 1]))
        deed = random_.random()
        if deed < 0.3:
            story.happen()
        elif deed < 0.6:
            await story.print()
        elif deed < 0.75:
            story.report()
        elif deed < 0.8:
            await follower.move()
        else:
            await asyncio.sleep(0)
    for end in ("an end", "the end"):
        await story.print(end)
        story.report()
        story.happen(late=False)
        await follower.until(story)
