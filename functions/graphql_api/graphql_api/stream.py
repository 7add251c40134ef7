"""The live stream of one viewer: everything one tab watches, as events that carry the newest state.

A stream holds what changed since its last event, newest wins, and speaks at most thirty times a second; what comes
alone goes out at once. Store watches, links and consoles are shared between streams; a stream only keeps what its
viewer has not been sent yet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from ainimal_zookeeper.domain.access import Principal, decide
from ainimal_zookeeper.domain.documents import Document, InstanceDoc, instance_ref
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.queries import EVENTS_NEWEST

from . import projection
from .budget import StreamBudget
from .console import Console, Consoles
from .cursor import Cursor
from .feeds import Feed, Feeds
from .links import Links
from .loading import Loader
from .news import News
from .pace import Pace
from .projection import Shown, resource_of
from .records import Records
from .rows import FollowedRows
from .selection import Selection
from .topics import Target, Topics
from .visibility import visible
from .watches import Problem

MAX_IDS = 100
MAX_SIGNALS = 256
MAX_CONSOLES = 20
PENDING_LINES = 2_000


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """When a stream speaks and when it makes room for the next one."""

    events_per_s: float = 30.0
    burst: int = 3
    rotate_s: float = 285.0  # before the 300 s after which some platforms cut a request
    rotate_bytes: int = 6_000_000
    last_bytes: int = 8_000_000
    value_bytes: int = 2_000_000  # of one value, and of all values of one event
    overlap_s: float = 15.0  # goes on after ROTATE, for the next stream to open
    first_s: float = 10.0  # for the full state
    end_s: float = 0.5  # for all streams, when the zoo closes


@dataclass(frozen=True, slots=True)
class Sources:
    """What is shared between streams."""

    records: Records
    topics: Topics
    links: Links
    consoles: Consoles


class Register(Protocol):
    """Knows which streams are open."""

    def remember(self, stream: LiveStream) -> None: ...

    def forget(self, stream: LiveStream) -> None: ...


class LiveStream:
    """One subscription. `events` yields `LiveEvent` objects until the stream ends."""

    def __init__(
        self,
        register: Register,
        sources: Sources,
        settings: StreamSettings,
        principal: Principal,
        budget: StreamBudget,
        input: Mapping[str, Any],
        selection: Selection,
    ) -> None:
        self._register = register
        self._sources = sources
        self._settings = settings
        self._principal = principal
        self._budget = budget
        self._selection = selection
        ids = input.get("instanceIds")
        self._wanted: list[str] | None = None if ids is None else list(dict.fromkeys(ids))
        self._world_ids: list[str] = list(dict.fromkeys(input.get("environmentInstanceIds") or ()))
        self._log_ids: list[str] = list(dict.fromkeys(input.get("logs") or ()))
        self._feeds = Feeds(
            input.get("signals") or (), event_bytes=settings.value_bytes, news=self.wake, tell=self._feed_failed
        )
        _check("instanceIds", len(self._wanted or ()), MAX_IDS)
        _check("environmentInstanceIds", len(self._world_ids), MAX_IDS)
        _check("logs", len(self._log_ids), MAX_CONSOLES)
        _check("signals", len(self._feeds), MAX_SIGNALS)
        self._cursor = Cursor.read(input.get("since"))
        self._news = News(self._cursor.event, self._in_scope)
        self._rows = FollowedRows(
            links=sources.links,
            loader=Loader(sources.records, principal),
            principal=principal,
            selection=selection,
            linked=frozenset(self._feeds.instance_ids),
            join=self._join,
            news=self.wake,
        )
        self._awake = asyncio.Event()
        self._ended = False
        self._rotate = False
        self._awaited = 0
        self._joined: list[tuple[Target, Callable[[list[Document]], None]]] = []
        self._consoles: list[tuple[Console, Callable[[list[Shown]], None]]] = []
        self._lines: deque[Shown] = deque(maxlen=PENDING_LINES)
        self._problems: list[Shown] = []
        self._timer: asyncio.TimerHandle | None = None

    # --- the stream's life -------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Joins all that is followed. What may not be seen is told as what is not there."""
        named = [*(self._wanted or ()), *self._world_ids, *self._feeds.instance_ids]
        refs = [instance_ref(row_id) for row_id in dict.fromkeys([*named, *self._log_ids])]
        found = await self._sources.records.get_many(refs)
        observed = {ref.id for ref in refs if self._may_observe(ref.id, found.get(ref))}
        self._timer = asyncio.get_running_loop().call_later(self._settings.rotate_s, self._rotate_now)
        self._follow_rows(observed)
        if "events" in self._selection:
            self._join(EVENTS_NEWEST.bind(), self._news.changed)
        self._feeds.join(self._sources.links, observed)
        for row_id in self._log_ids:
            if row_id in observed:
                self._consoles.append((self._sources.consoles.join(row_id, self._lines_came), self._lines_came))

    async def events(self) -> AsyncGenerator[Shown, None]:
        """Yields SNAPSHOT, then UPDATE as things change, then ROTATE; ends some time after that, or with the zoo."""
        loop = asyncio.get_running_loop()
        pace = Pace(self._settings.events_per_s, self._settings.burst, loop.time())
        last_call: float | None = None
        self._register.remember(self)
        try:
            await self._begin()
            await self._first_state()
            yield await self._event("SNAPSHOT")
            while True:
                await self._awake.wait()
                await asyncio.sleep(pace.wait_s(loop.time()))
                self._awake.clear()
                if self._ended:
                    return
                sent = self._budget.sent_bytes + self._feeds.next_bytes
                if last_call is None and (self._rotate or sent >= self._settings.rotate_bytes):
                    last_call = loop.time() + self._settings.overlap_s
                    loop.call_at(last_call, self.end)
                    yield self._rotation()
                    continue
                if last_call is not None and sent >= self._settings.last_bytes:
                    return
                if self._has_news():
                    yield await self._event("UPDATE")
        finally:
            self._leave()

    def wake(self) -> None:
        self._awake.set()

    def end(self) -> None:
        """Ends the stream at its next breath."""
        self._ended = True
        self._awake.set()

    def add_problem(
        self, problem: Problem, *, key: str | None = None, instance_id: str | None = None, path: str | None = None
    ) -> None:
        told = {"key": key, "instanceId": instance_id, "path": path}
        self._problems.append({**told, "code": problem.code, "message": problem.message})
        self.wake()

    def _feed_failed(self, feed: Feed, problem: Problem) -> None:
        self.add_problem(problem, key=feed.key, instance_id=feed.instance_id, path=feed.path)

    def _rotate_now(self) -> None:
        self._rotate = True
        self.wake()

    def _leave(self) -> None:
        """Lets go of everything; never waits, so that it also works while the stream is torn down."""
        if self._timer is not None:
            self._timer.cancel()
        for target, listener in self._joined:
            self._sources.topics.leave(target, listener)
        self._feeds.leave(self._sources.links)
        for console, told in self._consoles:
            self._sources.consoles.leave(console, told)
        self._rows.leave()
        self._joined, self._consoles = [], []
        self._register.forget(self)

    # --- what comes in -----------------------------------------------------------------------------------------------

    def _may_observe(self, row_id: str, found: Document | None) -> bool:
        """Tells whether `row_id` may be watched; where not, a problem says so."""
        if found is None or visible(found, self._principal) is None:
            self.add_problem(
                Problem("NOT_FOUND", f"there is no instance {row_id}; it may be deleted"), instance_id=row_id
            )
            return False
        if not decide(self._principal, "OBSERVE", resource_of(cast(InstanceDoc, found))):
            self.add_problem(
                Problem("PERMISSION_DENIED", f"you may not watch {row_id}; ask its owner"), instance_id=row_id
            )
            return False
        return True

    def _follow_rows(self, observed: set[str]) -> None:
        shows_instances = "instances" in self._selection or "removedInstanceIds" in self._selection
        if self._wanted is None and shows_instances:
            self._rows.follow_newest()
        single = [*((self._wanted or ()) if shows_instances else ())]
        if "environmentInstances" in self._selection:
            single += self._world_ids
        for row_id in single:
            if row_id in observed:
                self._rows.follow(row_id)

    def _join(self, target: Target, listener: Callable[[list[Document]], None]) -> None:
        """Follows a target; the snapshot waits for its first state."""
        self._awaited += 1
        heard = False

        def first_then(state: list[Document]) -> None:
            nonlocal heard
            listener(state)
            if not heard:
                heard = True
                self._awaited -= 1
            self.wake()

        self._joined.append((target, first_then))
        self._sources.topics.join(target, first_then)

    def _in_scope(self, resource_id: str) -> bool:
        if resource_id in self._world_ids:
            return True
        return resource_id in self._wanted if self._wanted is not None else resource_id.startswith("ins_")

    def _lines_came(self, lines: Sequence[Shown]) -> None:
        self._lines.extend(lines)
        self.wake()

    # --- what goes out -----------------------------------------------------------------------------------------------

    async def _first_state(self) -> None:
        """Waits until everything that is followed has told its state, at most `first_s`."""
        try:
            async with asyncio.timeout(self._settings.first_s):
                for console, _ in self._consoles:
                    await console.loaded.wait()
                while self._awaited and not self._ended:
                    self._awake.clear()
                    await self._awake.wait()
        except TimeoutError:
            self.add_problem(Problem("UNAVAILABLE", "the zoo is slow to tell its state; it follows as it comes"))
        # What came while waiting is part of each console's tail.
        self._lines.clear()
        for console, _ in self._consoles:
            since = self._cursor.lines.get(console.instance_id, "")
            self._lines.extend(line for line in console.tail if line["at"] > since)
        self._awake.clear()
        if self._ended or self._feeds.waiting:
            self.wake()

    def _has_news(self) -> bool:
        return bool(self._rows.waiting or self._feeds.waiting or self._news.waiting or self._lines or self._problems)

    async def _event(self, kind: str) -> Shown:
        """Takes everything that waits and makes one event of it."""
        # Values before all that takes time: they are those whose size was counted.
        values = self._feeds.take()
        rows, removed = await self._rows.take()
        events = self._news.take()
        lines, self._lines = list(self._lines), deque(maxlen=PENDING_LINES)
        problems, self._problems = self._problems, []
        self._cursor.event = self._news.newest
        newest = self._cursor.lines
        for line in lines:
            newest[line["instanceId"]] = max(newest.get(line["instanceId"], ""), line["at"])
        shown_events = [projection.event(document, self._principal) for document in events]
        return {
            "kind": kind,
            "cursor": self._cursor.text(),
            "instances": [each for each in rows if each["__typename"] == "Instance"],
            "environmentInstances": [each for each in rows if each["__typename"] == "EnvironmentInstance"],
            "removedInstanceIds": removed,
            "values": values,
            "events": [each for each in shown_events if each is not None],
            "logs": lines,
            "problems": problems,
        }

    def _rotation(self) -> Shown:
        """Returns a ROTATE, which carries nothing: what waits goes into the events after it."""
        self.wake()
        names = ("instances", "environmentInstances", "removedInstanceIds", "values", "events", "logs", "problems")
        return {"kind": "ROTATE", "cursor": self._cursor.text(), **{name: [] for name in names}}


def _check(name: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidInput(f"{name} has {count} elements; at most {most} are followed by one stream", ("input", name))
