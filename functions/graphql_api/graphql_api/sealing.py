"""Sealing: waiting until a runner has begun a recording, or has ended one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from ainimal_zookeeper.domain.documents import Collections, Document, RecordingDoc, Ref

from .topics import Topics


class Sealing:
    """For one event loop. patience_s: how long somebody waits; leave_s: and once this process has to leave."""

    def __init__(self, *, topics: Topics, patience_s: float, leave_s: float) -> None:
        self._topics = topics
        self._patience_s = patience_s
        self._leave_s = leave_s
        self._waiting: set[asyncio.Event] = set()

    async def begun(self, recording: RecordingDoc) -> RecordingDoc:
        """Returns the recording once its runner records it, or has ended it; after the patience as it is."""
        return await self._until(recording, lambda now: bool(now["signals"]) or now["phase"] != "OPEN")

    async def closed(self, recording: RecordingDoc) -> RecordingDoc:
        """Returns the recording once it has ended; after the patience as it is."""
        return await self._until(recording, lambda now: now["phase"] != "OPEN")

    def depart(self) -> None:
        """Answers a little later with what is there by then."""
        loop = asyncio.get_running_loop()
        for given_up in self._waiting:
            loop.call_later(self._leave_s, given_up.set)

    async def _until(self, recording: RecordingDoc, is_so: Callable[[RecordingDoc], bool]) -> RecordingDoc:
        newest, given_up = recording, asyncio.Event()

        def look(found: list[Document]) -> None:
            nonlocal newest
            if found:
                newest = cast(RecordingDoc, found[0])
                if is_so(newest):
                    given_up.set()

        ref = Ref(Collections.RECORDINGS, recording["id"])
        self._waiting.add(given_up)
        self._topics.join(ref, look)
        try:
            async with asyncio.timeout(self._patience_s):
                await given_up.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(given_up)
            self._topics.leave(ref, look)
        return newest
