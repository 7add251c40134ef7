"""The live stream of one viewer: everything one tab watches, as events that carry the newest state.

A stream holds what changed since its last event, newest wins, and speaks at most thirty times a second; what comes
alone goes out at once. Store watches, links and consoles are shared between streams; a stream only keeps what its
viewer has not been sent yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from ainimal_zookeeper.domain.access import Principal, decide
from ainimal_zookeeper.domain.documents import Document, InstanceDoc, instance_ref
from ainimal_zookeeper.domain.errors import InvalidInput, ZookeeperError
from ainimal_zookeeper.domain.queries import EVENTS_NEWEST
from ainimal_zookeeper.ports.clock import Clock

from . import projection
from .console import Console, Consoles
from .cursor import Cursor
from .feeds import Feed, Feeds
from .links import Links
from .live_event import halves, live_event, shown_problem
from .loading import Loader
from .news import News
from .outlet import Outlet
from .pace import Pace
from .projection import Shown, resource_of
from .records import Records
from .rows import FollowedRows
from .selection import Selection
from .topics import Target, Topics
from .transcript import Transcript
from .visibility import visible
from .watches import Problem

MAX_IDS = 100
MAX_SIGNALS = 256
MAX_CONSOLES = 20


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """When a stream speaks and when it makes room for the next one."""

    events_per_s: float = 30.0
    burst: int = 3
    rotate_s: float = 285.0  # before the 300 s after which some platforms cut a request
    rotate_bytes: int = 6_000_000
    last_bytes: int = 8_000_000
    value_bytes: int = 2_000_000  # of one value, and of all values of one event
    event_bytes: int = 3_000_000  # of one event; what is larger is told in parts
    overlap_s: float = 15.0  # goes on after ROTATE, for the next stream to open
    least_s: float = 1.0  # before ROTATE, however soon the viewer's token expires
    first_s: float = 10.0  # for the full state
    end_s: float = 0.5  # for all streams, when the zoo closes
    stall_s: float = 60.0  # a client that takes nothing for so long is gone
    farewell_s: float = 3.0  # goes on after ROTATE, when this process has to leave


@dataclass(frozen=True, slots=True)
class Sources:
    """What is shared between streams."""

    records: Records
    topics: Topics
    links: Links
    consoles: Consoles
    clock: Clock


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
        outlet: Outlet,
        input: Mapping[str, Any],
        selection: Selection,
    ) -> None:
        self._register = register
        self._sources = sources
        self._settings = settings
        self._principal = principal
        self._outlet = outlet
        outlet.event_bytes, outlet.stall_s = settings.event_bytes, settings.stall_s
        outlet.most_bytes = settings.last_bytes - (settings.last_bytes - settings.rotate_bytes) // 4  # room for ROTATE
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
        self._resumes = input.get("since") is not None
        self._cursor = Cursor.read(input.get("since"))
        self._news = News(self._cursor.events, self._in_scope, sources.clock.now)
        followed = {row_id: mark for row_id, mark in self._cursor.lines.items() if row_id in self._log_ids}
        self._transcript = Transcript(followed, self.wake)
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
        self._over = asyncio.Event()
        self._overlap_s = settings.overlap_s
        self._rotate = False
        self._full = False
        self._awaited = 0
        self._joined: list[tuple[Target, Callable[[list[Document]], None]]] = []
        self._consoles: list[Console] = []
        self._openings: list[asyncio.Task[None]] = []
        self._problems: list[Shown] = []
        self._timers: list[asyncio.TimerHandle] = []

    # --- the stream's life -------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Joins all that is followed. What may not be seen is told as what is not there."""
        named = [*(self._wanted or ()), *self._world_ids, *self._feeds.instance_ids]
        refs = [instance_ref(row_id) for row_id in dict.fromkeys([*named, *self._log_ids])]
        found = await self._sources.records.get_many(refs)
        observed = {ref.id for ref in refs if self._may_observe(ref.id, found.get(ref))}
        if self._resumes and "removedInstanceIds" in self._selection:
            self._rows.remove(row_id for row_id in self._wanted or () if row_id not in observed)
        self._set_timers()
        self._follow_rows(observed)
        if "events" in self._selection:
            self._join(EVENTS_NEWEST.bind(), self._news.changed)
        self._feeds.join(self._sources.links, observed)
        for row_id in self._log_ids:
            if row_id in observed:
                console = self._sources.consoles.join(row_id, self._transcript)
                self._consoles.append(console)
                self._openings.append(asyncio.get_running_loop().create_task(self._open_console(console)))

    def _set_timers(self) -> None:
        """Rotates in time, also before what proved the viewer expires: then the stream ends, whatever comes."""
        loop, rotate_s = asyncio.get_running_loop(), self._settings.rotate_s
        expires_at = self._principal.expires_at
        if expires_at is not None:
            left_s = (expires_at - self._sources.clock.now()).total_seconds()
            # A viewer without a fresh proof comes back with the old one: not more often than every so often.
            rotate_s = min(rotate_s, max(left_s - self._overlap_s, left_s / 2, self._settings.least_s))
            self._timers.append(loop.call_later(left_s, self.end))
        self._timers.append(loop.call_later(rotate_s, self.rotate))

    async def events(self) -> AsyncGenerator[Shown, None]:
        """Yields SNAPSHOT, then UPDATE as things change, then ROTATE; ends some time after that, or with the zoo."""
        loop = asyncio.get_running_loop()
        pace = Pace(self._settings.events_per_s, self._settings.burst, loop.time())
        last_call: float | None = None
        self._register.remember(self)
        try:
            if not self._over.is_set():
                await self._begin()
                await self._first_state()
            if self._over.is_set():
                return
            async for told in self._parts("SNAPSHOT"):
                yield told
            while True:
                await self._awake.wait()
                await asyncio.sleep(pace.wait_s(loop.time()))
                self._awake.clear()
                if self._over.is_set():
                    return
                sent = self._outlet.sent_bytes + self._feeds.next_bytes + self._transcript.next_bytes
                if last_call is None and self._rotates(sent):
                    last_call = loop.time() + self._overlap_s
                    loop.call_at(last_call, self.end)
                    yield self._rotation()
                    continue
                if last_call is not None and sent >= self._settings.last_bytes:
                    return
                if self._has_news() and not self._full:
                    async for told in self._parts("UPDATE"):
                        yield told
        finally:
            self._leave()

    def wake(self) -> None:
        self._awake.set()

    def end(self) -> None:
        """Ends the stream at its next breath."""
        self._over.set()
        self._awake.set()

    def add_problem(
        self, problem: Problem, *, key: str | None = None, instance_id: str | None = None, path: str | None = None
    ) -> None:
        self._problems.append(shown_problem(problem, key=key, instance_id=instance_id, path=path))
        self.wake()

    def _feed_failed(self, feed: Feed, problem: Problem) -> None:
        self.add_problem(problem, key=feed.key, instance_id=feed.instance_id, path=feed.path)

    def rotate(self, overlap_s: float | None = None) -> None:
        """Makes room for the next stream now, and ends `overlap_s` later."""
        if overlap_s is not None:
            self._overlap_s = overlap_s
            asyncio.get_running_loop().call_later(overlap_s, self.end)
        self._rotate = True
        self.wake()

    def cut(self) -> None:
        """Closes the connection of a viewer that does not read."""
        self._outlet.cut()

    def _leave(self) -> None:
        """Lets go of everything; never waits, so that it also works while the stream is torn down."""
        for timer in self._timers:
            timer.cancel()
        for target, listener in self._joined:
            self._sources.topics.leave(target, listener)
        self._feeds.leave(self._sources.links)
        for opening in self._openings:
            opening.cancel()
        for console in self._consoles:
            self._sources.consoles.leave(console, self._transcript)
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

    # --- what goes out -----------------------------------------------------------------------------------------------

    async def _first_state(self) -> None:
        """Waits until everything that is followed has told its state, at most `first_s`."""
        try:
            async with asyncio.timeout(self._settings.first_s):
                if self._openings:
                    await asyncio.wait(self._openings)
                while self._awaited and not self._over.is_set():
                    self._awake.clear()
                    await self._awake.wait()
        except TimeoutError:
            self.add_problem(Problem("UNAVAILABLE", "the zoo is slow to tell its state; it follows as it comes"))
        self._awake.clear()
        if self._over.is_set() or self._rotate or self._feeds.waiting:
            self.wake()

    async def _open_console(self, console: Console) -> None:
        """Continues the console where the viewer has left it."""
        await console.loaded.wait()
        since = self._cursor.lines.get(console.instance_id)
        chunks = list(console.chunks)
        if since is not None:
            try:
                chunks = await console.chunks_since(since.floor)
            except ZookeeperError as error:
                problem = Problem(error.code, f"what was printed meanwhile cannot be read: {error}")
                self.add_problem(problem, instance_id=console.instance_id)
        self._transcript.begin(console.instance_id, chunks, console.heard)

    def _rotates(self, sent: int) -> bool:
        return self._rotate or (sent >= self._settings.rotate_bytes and not self._full)

    def _has_news(self) -> bool:
        return bool(
            self._rows.waiting
            or self._feeds.waiting
            or self._news.waiting
            or self._transcript.waiting
            or self._problems
        )

    async def _parts(self, kind: str) -> AsyncGenerator[Shown, None]:
        """Yields what waits as one event, or as several where it is too large for one.

        Only the last part carries the cursor after them all: whoever misses a part is told it by the next stream.
        """
        before = self._cursor
        parts = [await self._event(kind)]
        while parts:
            part = parts.pop(0)
            part["cursor"] = (before if parts else self._cursor).text()
            yield part
            refused, self._outlet.refused_bytes = self._outlet.refused_bytes, 0
            if refused > self._settings.event_bytes:
                parts[:0] = halves(part, refused, self._settings.event_bytes)
            elif refused:
                self._cursor, self._full = before, True
                if kind != "SNAPSHOT":
                    # The next stream has room for it.
                    self.rotate()
                    return
                # The next stream would have none either: this one waits for its time.
                self._outlet.most_bytes = self._settings.last_bytes
                message = f"what is followed takes more than the {self._settings.last_bytes} bytes of a stream"
                problem = shown_problem(Problem("INVALID_INPUT", f"{message}; follow less, or select fewer fields"))
                yield live_event("UPDATE", problems=[problem]) | {"cursor": before.text()}
                return

    async def _event(self, kind: str) -> Shown:
        """Takes everything that waits and makes one event of it, but for its cursor."""
        # Values before all that takes time: they are those whose size was counted.
        values, lines = self._feeds.take(), self._transcript.take()
        events = self._news.take()
        problems, self._problems = self._problems, []
        self._cursor = Cursor(self._news.mark, self._transcript.marks)
        rows, removed = await self._rows.take()
        shown_events = [projection.event(document, self._principal) for document in events]
        return live_event(
            kind,
            instances=[each for each in rows if each["__typename"] == "Instance"],
            environmentInstances=[each for each in rows if each["__typename"] == "EnvironmentInstance"],
            removedInstanceIds=removed,
            values=values,
            events=[each for each in shown_events if each is not None],
            logs=lines,
            problems=problems,
        )

    def _rotation(self) -> Shown:
        """Returns a ROTATE, which carries nothing: what waits goes into the events after it."""
        self._outlet.most_bytes = self._settings.last_bytes
        self.wake()
        return live_event("ROTATE") | {"cursor": self._cursor.text()}


def _check(name: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidInput(f"{name} has {count} elements; at most {most} are followed by one stream", ("input", name))
