"""Live streams: everything one tab watches, as events that carry the newest state.

A stream holds what changed since its last event, newest wins, and speaks at most thirty times a second; what comes
alone goes out at once. Store watches, links and consoles are shared between streams; a stream only keeps what its
viewer has not been sent yet.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from ainimal_zookeeper.domain.access import decide
from ainimal_zookeeper.domain.documents import Document, InstanceDoc, instance_ref
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.lifecycle import is_final
from ainimal_zookeeper.domain.queries import EVENTS_NEWEST, INSTANCES

from . import projection
from .console import Console, Consoles
from .context import Context, visible
from .links import Link, Links, Problem
from .pace import Pace
from .projection import Shown, resource_of
from .selection import Selection
from .signals import Value, WatchRequest
from .topics import Target, Topics

_log = logging.getLogger(__name__)

MAX_IDS = 100
MAX_SIGNALS = 256
MAX_CONSOLES = 20
LINKED = 32  # of the newest instances, for live statistics
PENDING_LINES = 2_000


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """When a stream speaks and when it makes room for the next one."""

    events_per_s: float = 30.0
    burst: int = 3
    rotate_s: float = 285.0  # before the 300 s after which some platforms cut a request
    rotate_bytes: int = 6_000_000
    last_bytes: int = 8_000_000
    overlap_s: float = 15.0  # goes on after ROTATE, for the next stream to open
    first_s: float = 10.0  # for the full state
    end_s: float = 0.5  # for all streams, when the zoo closes


class LiveStreams:
    """Opens streams and ends them all. For one event loop."""

    def __init__(self, *, topics: Topics, links: Links, consoles: Consoles, settings: StreamSettings) -> None:
        self.topics = topics
        self.links = links
        self.consoles = consoles
        self.settings = settings
        self._open: set[LiveStream] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    def new(self, context: Context, input: Mapping[str, Any], selection: Selection) -> LiveStream:
        """Returns a stream that begins when its events are asked for. Raises: InvalidInput for too much at once."""
        return LiveStream(self, context, input, selection)

    def remember(self, stream: LiveStream) -> None:
        self._open.add(stream)
        self._idle.clear()
        if self._closed:
            stream.end()

    def forget(self, stream: LiveStream) -> None:
        self._open.discard(stream)
        if not self._open:
            self._idle.set()

    @property
    def count(self) -> int:
        return len(self._open)

    async def close(self) -> None:
        """Ends all streams; returns when they are gone, or after a while: a client that does not read holds its own."""
        self._closed = True
        for stream in list(self._open):
            stream.end()
        try:
            async with asyncio.timeout(self.settings.end_s):
                await self._idle.wait()
        except TimeoutError:
            _log.info("streams are left to their clients", extra={"streams": len(self._open)})


class _Signal:
    """One `SignalRequest` of one stream: the newest value that was not sent, and how many it replaced."""

    def __init__(self, request: Mapping[str, Any], stream: LiveStream) -> None:
        self.instance_id: str = request["instanceId"]
        self.request = WatchRequest.of(request)
        self.pending: Value | None = None
        self._key: str | None = request.get("key")
        self._dropped = 0
        self._stream = stream

    def value(self, value: Value) -> None:
        self._dropped += value.dropped + (self.pending is not None)
        self.pending = value
        self._stream.wake()

    def problem(self, problem: Problem) -> None:
        self._stream.add_problem(problem, key=self._key, instance_id=self.instance_id, path=self.request.path)

    def take(self) -> Shown | None:
        """Returns the `SignalValue` to send, if there is one."""
        value, dropped = self.pending, self._dropped
        if value is None:
            return None
        self.pending, self._dropped = None, 0
        return {
            **value.shown,
            "key": self._key,
            "instanceId": self.instance_id,
            "path": self.request.path,
            "dropped": dropped,
        }


class LiveStream:
    """One subscription. `events` yields `LiveEvent` objects until the stream ends."""

    def __init__(self, streams: LiveStreams, context: Context, input: Mapping[str, Any], selection: Selection) -> None:
        self._streams = streams
        self._context = context
        self._selection = selection
        ids = input.get("instanceIds")
        self._wanted: list[str] | None = None if ids is None else list(dict.fromkeys(ids))
        self._world_ids: list[str] = list(dict.fromkeys(input.get("environmentInstanceIds") or ()))
        self._log_ids: list[str] = list(dict.fromkeys(input.get("logs") or ()))
        self._signals = [_Signal(request, self) for request in input.get("signals") or ()]
        _check("instanceIds", len(self._wanted or ()), MAX_IDS)
        _check("environmentInstanceIds", len(self._world_ids), MAX_IDS)
        _check("logs", len(self._log_ids), MAX_CONSOLES)
        _check("signals", len(self._signals), MAX_SIGNALS)
        self._since = _read_cursor(input.get("since"))
        self._awake = asyncio.Event()
        self._ended = False
        self._rotate = False
        self._awaited = 0
        self._joined: list[tuple[Target, Callable[[list[Document]], None]]] = []
        self._links: dict[str, Link] = {}
        self._status_listeners: dict[str, Callable[[], None]] = {}
        self._consoles: list[tuple[Console, Callable[[list[Shown]], None]]] = []
        self._rows: dict[str, InstanceDoc] = {}
        self._order: list[str] = []
        self._loaded: dict[str, Shown] = {}
        self._changed: set[str] = set()
        self._overlaid: set[str] = set()
        self._removed: list[str] = []
        self._known_events: set[str] | None = None
        self._events: deque[Document] = deque(maxlen=MAX_IDS)
        self._lines: deque[Shown] = deque(maxlen=PENDING_LINES)
        self._problems: list[Shown] = []
        self._newest_event: tuple[str, str] = self._since["event"]
        self._newest_line: dict[str, str] = dict(self._since["lines"])
        self._timer: asyncio.TimerHandle | None = None

    # --- the stream's life -------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Joins all that is followed. What may not be seen is told as what is not there."""
        named = [*(self._wanted or ()), *self._world_ids, *(signal.instance_id for signal in self._signals)]
        records = self._context.zoo.records
        refs = [instance_ref(row_id) for row_id in dict.fromkeys([*named, *self._log_ids])]
        found = await records.get_many(refs)
        observed = {ref.id for ref in refs if self._may_observe(ref.id, found.get(ref))}
        self._timer = asyncio.get_running_loop().call_later(self._streams.settings.rotate_s, self._rotate_now)
        self._follow_rows(observed)
        if "events" in self._selection:
            self._join(EVENTS_NEWEST.bind(), self._events_changed)
        for signal in self._signals:
            if signal.instance_id in observed:
                self._link(signal.instance_id).watch(signal.request, signal)
        for row_id in self._log_ids:
            if row_id in observed:
                self._consoles.append((self._streams.consoles.join(row_id, self._lines_came), self._lines_came))

    async def events(self) -> AsyncGenerator[Shown, None]:
        """Yields SNAPSHOT, then UPDATE as things change, then ROTATE; ends some time after that, or with the zoo."""
        loop = asyncio.get_running_loop()
        settings = self._streams.settings
        pace = Pace(settings.events_per_s, settings.burst, loop.time())
        last_call: float | None = None
        self._streams.remember(self)
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
                sent = self._context.budget.sent_bytes
                if last_call is None and (self._rotate or sent >= settings.rotate_bytes):
                    last_call = loop.time() + settings.overlap_s
                    loop.call_at(last_call, self.end)
                    yield await self._event("ROTATE")
                    continue
                if last_call is not None and sent >= settings.last_bytes:
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

    def _rotate_now(self) -> None:
        self._rotate = True
        self.wake()

    def _leave(self) -> None:
        """Lets go of everything; never waits, so that it also works while the stream is torn down."""
        if self._timer is not None:
            self._timer.cancel()
        for target, listener in self._joined:
            self._streams.topics.leave(target, listener)
        for signal in self._signals:
            if signal.instance_id in self._links:
                self._links[signal.instance_id].unwatch(signal.request, signal)
        for console, told in self._consoles:
            self._streams.consoles.leave(console, told)
        for row_id in list(self._links):
            self._unlink(row_id)
        self._joined, self._consoles = [], []
        self._streams.forget(self)

    # --- what comes in -----------------------------------------------------------------------------------------------

    def _may_observe(self, row_id: str, found: Document | None) -> bool:
        """Tells whether `row_id` may be watched; where not, a problem says so."""
        if found is None or visible(found, self._context.principal) is None:
            self.add_problem(
                Problem("NOT_FOUND", f"there is no instance {row_id}; it may be deleted"), instance_id=row_id
            )
            return False
        if not decide(self._context.principal, "OBSERVE", resource_of(cast(InstanceDoc, found))):
            self.add_problem(
                Problem("PERMISSION_DENIED", f"you may not watch {row_id}; ask its owner"), instance_id=row_id
            )
            return False
        return True

    def _follow_rows(self, observed: set[str]) -> None:
        shows_instances = "instances" in self._selection or "removedInstanceIds" in self._selection
        if self._wanted is None and shows_instances:
            self._join(INSTANCES.bind(), self._newest_changed)
        single = [*((self._wanted or ()) if shows_instances else ())]
        if "environmentInstances" in self._selection:
            single += self._world_ids
        for row_id in single:
            if row_id in observed:
                self._order.append(row_id)
                self._join(instance_ref(row_id), partial(self._row_changed, row_id))
                self._link(row_id)

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
        self._streams.topics.join(target, first_then)

    def _newest_changed(self, found: list[Document]) -> None:
        principal = self._context.principal
        state = [row for row in found if decide(principal, "OBSERVE", resource_of(cast(InstanceDoc, row)))]
        ids = [document["id"] for document in state]
        for row_id in set(self._order) - set(ids):
            self._forget_row(row_id)
        self._order = ids
        for document in state:
            self._note(cast(InstanceDoc, document))
        linked = [row_id for row_id in ids if _listens(self._rows[row_id])][:LINKED]
        watched = {signal.instance_id for signal in self._signals} | set(self._log_ids)
        for row_id in set(self._links) - set(linked) - watched:
            self._unlink(row_id)
        for row_id in linked:
            self._link(row_id)

    def _row_changed(self, row_id: str, state: list[Document]) -> None:
        if state:
            self._note(cast(InstanceDoc, state[0]))
        elif row_id in self._rows:
            self._forget_row(row_id)

    def _note(self, row: InstanceDoc) -> None:
        if self._rows.get(row["id"]) is not row:
            self._rows[row["id"]] = row
            self._changed.add(row["id"])

    def _forget_row(self, row_id: str) -> None:
        self._rows.pop(row_id, None)
        shown = self._loaded.pop(row_id, None)
        self._changed.discard(row_id)
        self._overlaid.discard(row_id)
        self._order = [other for other in self._order if other != row_id]
        if shown is not None and not row_id.startswith("env_"):
            self._removed.append(row_id)

    def _events_changed(self, state: list[Document]) -> None:
        """Notes the events that are new; the first state counts as known, but for what came after `since`."""
        known = self._known_events
        for document in reversed(state):
            place = (document["at"], document["id"])
            fresh = place > self._since["event"] if known is None else document["id"] not in known
            if known is None and not self._since["event"][0]:
                fresh = False
            self._newest_event = max(self._newest_event, place)
            if fresh and self._in_scope(document["resourceId"]):
                self._events.append(document)
        self._known_events = {document["id"] for document in state}

    def _in_scope(self, resource_id: str) -> bool:
        if resource_id in self._world_ids:
            return True
        return resource_id in self._wanted if self._wanted is not None else resource_id.startswith("ins_")

    def _lines_came(self, lines: Sequence[Shown]) -> None:
        self._lines.extend(lines)
        self.wake()

    def _link(self, row_id: str) -> Link:
        link = self._links.get(row_id)
        if link is None:
            link = self._links[row_id] = self._streams.links.acquire(row_id)
            listener = self._status_listeners[row_id] = lambda: self._status_came(row_id)
            link.follow_status(listener)
        return link

    def _unlink(self, row_id: str) -> None:
        link = self._links.pop(row_id)
        link.unfollow_status(self._status_listeners.pop(row_id))
        self._streams.links.release(link)

    def _status_came(self, row_id: str) -> None:
        if row_id in self._rows:
            self._overlaid.add(row_id)
            self.wake()

    # --- what goes out -----------------------------------------------------------------------------------------------

    async def _first_state(self) -> None:
        """Waits until everything that is followed has told its state, at most `first_s`."""
        try:
            async with asyncio.timeout(self._streams.settings.first_s):
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
            since = self._newest_line.get(console.instance_id, "")
            self._lines.extend(line for line in console.tail if line["at"] > since)
        self._awake.clear()
        if self._ended or any(signal.pending is not None for signal in self._signals):
            self.wake()

    def _has_news(self) -> bool:
        return bool(
            self._changed
            or self._overlaid
            or self._removed
            or self._events
            or self._lines
            or self._problems
            or any(signal.pending is not None for signal in self._signals)
        )

    async def _event(self, kind: str) -> Shown:
        """Takes everything that waits and makes one event of it."""
        changed, overlaid, removed = self._changed, self._overlaid - self._changed, self._removed
        self._changed, self._overlaid, self._removed = set(), set(), []
        rows = [self._current(row_id) for row_id in self._order if row_id in changed]
        await self._load([row for row in rows if row["kind"] == "instance"], "instances")
        await self._load([row for row in rows if row["kind"] == "environment"], "environmentInstances")
        self._refresh([self._current(row_id) for row_id in self._order if row_id in overlaid])
        told = [
            self._loaded[row_id] for row_id in self._order if row_id in changed | overlaid and row_id in self._loaded
        ]
        events, self._events = self._events, deque(maxlen=MAX_IDS)
        lines, self._lines = list(self._lines), deque(maxlen=PENDING_LINES)
        problems, self._problems = self._problems, []
        for line in lines:
            self._newest_line[line["instanceId"]] = max(self._newest_line.get(line["instanceId"], ""), line["at"])
        shown_events = [projection.event(document, self._context.principal) for document in events]
        return {
            "kind": kind,
            "cursor": self._cursor(),
            "instances": [each for each in told if each["__typename"] == "Instance"],
            "environmentInstances": [each for each in told if each["__typename"] == "EnvironmentInstance"],
            "removedInstanceIds": [row_id for row_id in removed if row_id not in self._rows],
            "values": [value for signal in self._signals if (value := signal.take()) is not None],
            "events": [each for each in shown_events if each is not None],
            "logs": lines,
            "problems": problems,
        }

    def _current(self, row_id: str) -> InstanceDoc:
        row = self._rows[row_id]
        link = self._links.get(row_id)
        return row if link is None else link.overlaid(row)

    async def _load(self, rows: Sequence[InstanceDoc], key: str) -> None:
        """Loads rows anew with all that is selected around them."""
        if not rows:
            return
        loader = self._context.loader
        load = loader.instances if key == "instances" else loader.environment_instances
        for shown in await load([cast(Document, row) for row in rows], self._selection.get(key, {})):
            self._loaded[shown["id"]] = shown

    def _refresh(self, rows: Sequence[InstanceDoc]) -> None:
        """Shows what a runner has said of itself; what lies around the row was loaded with its last change."""
        for row in rows:
            shown = visible(cast(Document, row), self._context.principal)
            if shown is not None and row["id"] in self._loaded:
                self._loaded[row["id"]] = {**self._loaded[row["id"]], **shown}

    def _cursor(self) -> str:
        place = {"event": self._newest_event, "lines": self._newest_line}
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _listens(row: InstanceDoc) -> bool:
    return row["status"]["liveAddress"] is not None and not is_final(row)


def _check(name: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidInput(f"{name} has {count} elements; at most {most} are followed by one stream", ("input", name))


def _read_cursor(text: str | None) -> dict[str, Any]:
    """Returns the newest event and lines that the client has. Raises: InvalidInput."""
    if text is None:
        return {"event": ("", ""), "lines": {}}
    try:
        place = json.loads(base64.urlsafe_b64decode(text))
        at, row_id = place["event"]
        return {"event": (str(at), str(row_id)), "lines": {str(key): str(each) for key, each in place["lines"].items()}}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput(
            "since is no cursor of a live stream; leave it out to start afresh", ("input", "since")
        ) from None
