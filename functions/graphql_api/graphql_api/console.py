"""Consoles as they are written: lines come over the live link at once, and all of them from the store later."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.errors import ZookeeperError

from . import logs
from .encoding import encode
from .link import Link
from .links import Links
from .mark import fingerprint
from .projection import Shown
from .records import Records

_log = logging.getLogger(__name__)

TAIL_LINES = 200
KEPT_LINES = 2_000


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """How often the store is asked for new lines."""

    poll_s: float = 1.0  # without a link
    poll_linked_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line. Time, stream and text make it: it is the same line wherever it comes from.

    size: about how many bytes it takes in an answer.
    """

    shown: Shown
    print: str
    size: int

    @classmethod
    def of(cls, instance_id: str, stored: dict[str, str]) -> Line:
        shown = logs.line(instance_id, stored)
        return cls(shown, fingerprint(stored["at"], stored["stream"], stored["text"]), len(encode(shown)))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines that are stored. Every later chunk has a higher order."""

    order: int
    lines: tuple[Line, ...]

    @classmethod
    def of(cls, document: Document) -> Chunk:
        return cls(document["order"], tuple(Line.of(document["instanceId"], each) for each in document["lines"]))


class Follower(Protocol):
    """Hears of a console; called on the loop, quickly. A line may come more than once."""

    def heard(self, instance_id: str, lines: Sequence[Line]) -> None:
        """Lines come over the link."""

    def stored(self, instance_id: str, chunk: Chunk) -> None:
        """A chunk was stored; chunks come in order."""


class Console:
    """The console of one instance or world, shared by all who follow it."""

    def __init__(self, instance_id: str, records: Records, link: Link, settings: ConsoleSettings) -> None:
        self.instance_id = instance_id
        self.loaded = asyncio.Event()
        self.followers: list[Follower] = []
        self.link = link
        self.chunks: deque[Chunk] = deque()
        self._heard: OrderedDict[str, Line] = OrderedDict()
        self._stored: set[str] = set()  # of the lines in `chunks`
        self._records = records
        self._settings = settings
        self._loading = asyncio.Lock()
        self._task = asyncio.get_running_loop().create_task(self._poll())
        link.follow_logs(self._hear)

    @property
    def heard(self) -> list[Line]:
        """The lines that came over the link and are not stored as far as is known, oldest first."""
        return list(self._heard.values())

    async def chunks_since(self, order: int) -> list[Chunk]:
        """Returns the chunks after that one and maybe some before, oldest first, as far as they are kept.

        Raises: ZookeeperError.
        """
        if not self.chunks or self.chunks[-1].order < order:
            # Another process knew of it before this one: what the link has brought here may be in it.
            await self._load()
        kept = list(self.chunks)
        if kept and kept[0].order <= order:
            return kept
        found = [Chunk.of(each) for each in await logs.newer(self._records, self.instance_id, order, KEPT_LINES)]
        newest = found[-1].order if found else 0
        return found + [chunk for chunk in self.chunks if chunk.order > newest]

    def close(self) -> None:
        self.link.unfollow_logs(self._hear)
        self._task.cancel()

    def _hear(self, said: Iterable[dict[str, str]]) -> None:
        lines = [Line.of(self.instance_id, each) for each in said]
        for line in lines:
            if line.print not in self._stored:
                self._heard[line.print] = line
        while len(self._heard) > KEPT_LINES:
            self._heard.popitem(last=False)
        for follower in list(self.followers):
            follower.heard(self.instance_id, lines)

    def _store(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        for line in chunk.lines:
            self._heard.pop(line.print, None)
            self._stored.add(line.print)
        while len(self._stored) - len(self.chunks[0].lines) >= KEPT_LINES:
            self._stored -= {line.print for line in self.chunks.popleft().lines}
        for follower in list(self.followers):
            follower.stored(self.instance_id, chunk)

    async def _poll(self) -> None:
        while True:
            try:
                await self._load()
                self.loaded.set()
            except ZookeeperError:
                _log.warning("a log could not be read", exc_info=True, extra={"instance_id": self.instance_id})
            settings = self._settings
            await asyncio.sleep(settings.poll_linked_s if self.link.connected else settings.poll_s)

    async def _load(self) -> None:
        """Reads what was stored since the last time. Raises: ZookeeperError."""
        async with self._loading:
            after, count = (self.chunks[-1].order, KEPT_LINES) if self.chunks else (0, TAIL_LINES)
            for found in await logs.newer(self._records, self.instance_id, after, count):
                self._store(Chunk.of(found))


class Consoles:
    """All consoles that somebody follows. For one event loop."""

    def __init__(self, records: Records, links: Links, settings: ConsoleSettings) -> None:
        self._records = records
        self._links = links
        self._settings = settings
        self._consoles: dict[str, Console] = {}

    def join(self, instance_id: str, follower: Follower) -> Console:
        console = self._consoles.get(instance_id)
        if console is None:
            link = self._links.acquire(instance_id)
            console = self._consoles[instance_id] = Console(instance_id, self._records, link, self._settings)
        console.followers.append(follower)
        return console

    def leave(self, console: Console, follower: Follower) -> None:
        console.followers.remove(follower)
        if not console.followers:
            del self._consoles[console.instance_id]
            console.close()
            self._links.release(console.link)
