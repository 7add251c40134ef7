"""Records: the document store for coroutines. The store blocks, so its calls run in a few threads of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.queries import BoundQuery, Page, Result
from ainimal_zookeeper.ports.store import DocumentStore, Watch

T = TypeVar("T")

CONFIGURATION = Ref(Collections.CONFIGURATION, "zoo")

_THREADS = 8
_CONFIGURATION_S = 5.0  # it changes when somebody deploys; every page of every viewer asks for it again and again


class Records:
    """Close it once no call is running any more."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(_THREADS, "graphql-store")
        self._configuration: Document = {}
        self._configured_at = float("-inf")

    async def run(self, fn: Callable[..., T], *arguments: object) -> T:
        """Returns what `fn`, which may block, returns."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, fn, *arguments)

    async def get(self, ref: Ref) -> Document | None:
        return await self.run(self._store.get, ref)

    async def get_many(self, refs: Sequence[Ref]) -> dict[Ref, Document]:
        """Returns those of the documents that exist; one call of the store for all of them, none for none."""
        wanted = list(dict.fromkeys(refs))
        if not wanted:
            return {}
        found = await self.run(self._store.get_many, wanted)
        return {ref: document for ref, document in zip(wanted, found, strict=True) if document is not None}

    async def configuration(self) -> Document:
        """Returns the zoo's configuration as it was at most five seconds ago; empty while there is none.

        It is shared: do not change it.
        """
        if not self._configuration or time.monotonic() > self._configured_at + _CONFIGURATION_S:
            self._configuration = await self.get(CONFIGURATION) or {}
            self._configured_at = time.monotonic()
        return self._configuration

    async def query(self, query: BoundQuery, page: Page) -> Result:
        return await self.run(self._store.query, query, page)

    async def count(self, query: BoundQuery) -> int:
        return await self.run(self._store.count, query)

    async def watch(self, target: Ref | BoundQuery, listener: Callable[[list[Document]], None]) -> Watch:
        """`listener` is called in a thread of the store's."""
        return await self.run(self._store.watch, target, listener)

    def close(self) -> None:
        """Returns at once; calls that still run end in their threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
