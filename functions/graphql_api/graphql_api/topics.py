"""Topics: watches of the store, each opened once however many streams follow it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ainimal_zookeeper.domain.documents import Document, Ref
from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.domain.queries import BoundQuery
from ainimal_zookeeper.ports.store import Watch

from .records import Records

Target = Ref | BoundQuery
Listener = Callable[[list[Document]], None]

_log = logging.getLogger(__name__)
_RETRY_S = 1.0


class _Topic:
    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.state: list[Document] | None = None
        self.task: asyncio.Task[None] | None = None


class Topics:
    """For one event loop. A watch ends with its last listener.

    A document that did not change between two states is the very same object in both, so that listeners can tell
    changes by identity.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._topics: dict[Target, _Topic] = {}
        self._endings: set[asyncio.Task[None]] = set()

    def join(self, target: Target, listener: Listener) -> None:
        """Calls `listener` on the loop with the full state, soon and after each change."""
        topic = self._topics.get(target)
        if topic is None:
            topic = self._topics[target] = _Topic()
            topic.task = asyncio.get_running_loop().create_task(self._follow(target, topic))
        topic.listeners.append(listener)
        if topic.state is not None:
            asyncio.get_running_loop().call_soon(_tell, topic, listener)

    def leave(self, target: Target, listener: Listener) -> None:
        topic = self._topics.get(target)
        if topic is None or listener not in topic.listeners:
            return
        topic.listeners.remove(listener)
        if not topic.listeners:
            del self._topics[target]
            if topic.task is not None:
                topic.task.cancel()

    async def close(self) -> None:
        """Ends all watches."""
        topics, self._topics = list(self._topics.values()), {}
        tasks = [topic.task for topic in topics if topic.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._endings, return_exceptions=True)

    @property
    def open(self) -> int:
        """How many watches are open."""
        return len(self._topics)

    async def _follow(self, target: Target, topic: _Topic) -> None:
        """Holds the watch open until it is cancelled."""
        loop = asyncio.get_running_loop()

        def changed(state: list[Document]) -> None:
            before = {document["id"]: document for document in topic.state or ()}
            topic.state = [_same(before.get(document["id"]), document) for document in state]
            for listener in list(topic.listeners):
                listener(topic.state)

        def from_thread(state: list[Document]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(changed, state)

        opening: asyncio.Task[Watch] | None = None
        try:
            while True:
                opening = loop.create_task(self._records.watch(target, from_thread))
                try:
                    await asyncio.shield(opening)
                    break
                except ZookeeperError:
                    _log.warning("a watch could not be opened; trying again", exc_info=True)
                    await asyncio.sleep(_RETRY_S)
            await loop.create_future()
        finally:
            if opening is not None:
                ending = loop.create_task(self._end(opening))
                self._endings.add(ending)
                ending.add_done_callback(self._endings.discard)

    async def _end(self, opening: asyncio.Task[Watch]) -> None:
        """Closes the watch where it may block: outside of the loop."""
        try:
            watch = await opening
            await self._records.run(watch.close)
        except (ZookeeperError, RuntimeError):
            _log.debug("a watch had ended before it was closed", exc_info=True)


def _same(before: Document | None, now: Document) -> Document:
    return before if before is not None and before == now else now


def _tell(topic: _Topic, listener: Listener) -> None:
    if topic.state is not None and listener in topic.listeners:
        listener(topic.state)
