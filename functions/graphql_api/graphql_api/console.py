"""Consoles as they are written: lines come over the live link at once, and from the store what the link missed."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any

from ainimal_zookeeper.domain.errors import ZookeeperError

from . import logs
from .link import Link
from .links import Links
from .records import Records

Listener = Callable[[list[dict[str, Any]]], None]

_log = logging.getLogger(__name__)

TAIL_LINES = 200
_REMEMBERED = 5_000  # lines known to have been shown: as many as a runner can write between two reports
_POLL_S = 1.0  # without a link
_POLL_LINKED_S = 5.0


class Console:
    """The console of one instance or world, shared by all who follow it."""

    def __init__(self, instance_id: str, records: Records, link: Link) -> None:
        self.instance_id = instance_id
        self.tail: deque[dict[str, Any]] = deque(maxlen=TAIL_LINES)
        self.loaded = asyncio.Event()
        self.listeners: list[Listener] = []
        self.link = link
        self._records = records
        self._shown: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._chunks: OrderedDict[str, None] = OrderedDict()
        self._task = asyncio.get_running_loop().create_task(self._poll())
        link.follow_logs(self._add)

    def close(self) -> None:
        self.link.unfollow_logs(self._add)
        self._task.cancel()

    def _add(self, lines: Iterable[dict[str, str]]) -> None:
        """Tells of those lines that were not shown; time, stream and text make a line."""
        fresh = []
        for stored in lines:
            key = (stored["at"], stored["stream"], stored["text"])
            if key not in self._shown:
                self._shown[key] = None
                fresh.append(logs.line(self.instance_id, stored))
        while len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)
        if fresh:
            self.tail.extend(fresh)
            for listener in list(self.listeners):
                listener(fresh)

    async def _poll(self) -> None:
        while True:
            try:
                for chunk in await logs.tail(self._records, self.instance_id, TAIL_LINES):
                    if chunk["id"] not in self._chunks:
                        self._chunks[chunk["id"]] = None
                        self._add(chunk["lines"])
                while len(self._chunks) > _REMEMBERED:
                    self._chunks.popitem(last=False)
                self.loaded.set()
            except ZookeeperError:
                _log.warning("a log could not be read", exc_info=True, extra={"instance_id": self.instance_id})
            await asyncio.sleep(_POLL_LINKED_S if self.link.connected else _POLL_S)


class Consoles:
    """All consoles that somebody follows. For one event loop."""

    def __init__(self, records: Records, links: Links) -> None:
        self._records = records
        self._links = links
        self._consoles: dict[str, Console] = {}

    def join(self, instance_id: str, listener: Listener) -> Console:
        console = self._consoles.get(instance_id)
        if console is None:
            link = self._links.acquire(instance_id)
            console = self._consoles[instance_id] = Console(instance_id, self._records, link)
        console.listeners.append(listener)
        return console

    def leave(self, console: Console, listener: Listener) -> None:
        console.listeners.remove(listener)
        if not console.listeners:
            del self._consoles[console.instance_id]
            console.close()
            self._links.release(console.link)
