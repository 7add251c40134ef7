"""All live streams of one process: what opens them, and what ends them all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from ainimal_zookeeper.domain.access import Principal

from .outlet import Outlet
from .selection import Selection
from .stream import LiveStream, Sources, StreamSettings

_log = logging.getLogger(__name__)


class LiveStreams:
    """For one event loop."""

    def __init__(self, sources: Sources, settings: StreamSettings) -> None:
        self._sources = sources
        self._settings = settings
        self._open: set[LiveStream] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    def new(self, principal: Principal, outlet: Outlet, input: Mapping[str, Any], selection: Selection) -> LiveStream:
        """Returns a stream that begins when its events are asked for. Raises: InvalidInput for too much at once."""
        return LiveStream(self, self._sources, self._settings, principal, outlet, input, selection)

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

    def depart(self) -> None:
        """Asks all streams to make room for those that another process will serve; new ones end before they begin.

        Clients that do not read are cut off a little later.
        """
        if self._closed:
            return
        self._closed = True
        for stream in list(self._open):
            stream.rotate(self._settings.farewell_s)
        asyncio.get_running_loop().call_later(self._settings.farewell_s + self._settings.end_s, self._cut)

    def _cut(self) -> None:
        for stream in list(self._open):
            stream.cut()

    async def close(self) -> None:
        """Ends all streams; returns when they are gone, or after a while: a client that does not read holds its own."""
        self._closed = True
        for stream in list(self._open):
            stream.end()
        try:
            async with asyncio.timeout(self._settings.end_s):
                await self._idle.wait()
        except TimeoutError:
            _log.info("streams are left to their clients", extra={"streams": len(self._open)})
