"""Watches of Firestore: one listening stream for each target, however many listen to it.

The streams are the client library's, which runs each in threads of its own. Listeners are called by one thread of the
store's, so that a slow one holds up no stream and calls never overlap; it also opens a stream anew that has died.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from google.cloud import firestore

from ainimal_zookeeper.domain.documents import Document

from .firestore_values import plain

Listener = Callable[[list[Document]], None]
State = tuple[firestore.DocumentSnapshot, ...]
Arrange = Callable[[Sequence[firestore.DocumentSnapshot]], State]

_LOOK_S = 1.0  # how often streams are looked after, and opened anew at most

_logger = logging.getLogger(__name__)


class RunningWatch:
    """A `Watch`. A listener may close its own."""

    def __init__(self, listener: Listener, forget: Callable[[RunningWatch], None]) -> None:
        self.told: list[tuple[Any, ...]] | None = None
        self.seen: State | None = None
        self._listener = listener
        self._forget = forget
        self._calling = threading.RLock()
        self._open = True

    def tell(self, state: State) -> None:
        """Calls the listener, unless it knows this state, as it does when a stream was opened anew."""
        self.seen = state
        versions = [(snapshot.reference.path, snapshot.update_time) for snapshot in state]
        if versions == self.told:
            return
        self.told = versions
        with self._calling:
            if self._open:
                try:
                    self._listener([plain(snapshot.to_dict()) for snapshot in state])
                except Exception:
                    _logger.exception("the listener of a watch raised")

    def close(self) -> None:
        with self._calling:
            self._open = False
        self._forget(self)


class _Shared:
    """One target, its stream and its listeners; `watched` is None for a query that nothing can match."""

    def __init__(self, name: str, watched: Any, arrange: Arrange) -> None:
        self.name = name
        self.watched = watched
        self.arrange = arrange
        self.watches: list[RunningWatch] = []
        self.state: State | None = () if watched is None else None
        self.stream: Any = None
        self.opened_at = float("-inf")
        self.opened = 0

    def needs_stream(self, openings: int) -> bool:
        if self.watched is None or time.monotonic() < self.opened_at + _LOOK_S:
            return False
        return self.opened < openings or self.stream is None or not self.stream.is_active


class Watches:
    """All watches of one store. Thread-safe.

    openings: how often each stream is opened, a second apart, although it lives; 2 for the emulator, which now and then
    misses a change that is made while a stream begins.
    """

    def __init__(self, *, openings: int = 1) -> None:
        self._openings = openings
        self._wake = threading.Condition()
        self._shared: dict[str, _Shared] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, name: str, watched: Any, arrange: Arrange, listener: Listener) -> RunningWatch:
        """Starts a watch of `watched`, a document or query of the client library's; `name` tells targets apart.

        `arrange` puts the documents that the library tells in their order.
        """
        watch = RunningWatch(listener, self._forget)
        with self._wake:
            if self._closed:
                raise RuntimeError("the store is closed")
            self._shared.setdefault(name, _Shared(name, watched, arrange)).watches.append(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-watches", daemon=True)
                self._thread.start()
            self._wake.notify()
        return watch

    @property
    def streams(self) -> int:
        """How many streams are open."""
        with self._wake:
            return sum(shared.stream is not None for shared in self._shared.values())

    def close(self) -> None:
        with self._wake:
            self._closed = True
            left, self._shared = list(self._shared.values()), {}
            self._wake.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        for shared in left:
            _end(shared.stream)

    def _forget(self, watch: RunningWatch) -> None:
        ended = None
        with self._wake:
            for shared in list(self._shared.values()):
                if watch in shared.watches:
                    shared.watches.remove(watch)
                    if not shared.watches:
                        del self._shared[shared.name]
                        ended = shared.stream
        _end(ended)

    # --- the store's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(self._is_due, _LOOK_S if self._shared else None)
                if self._closed:
                    return
                all_shared = list(self._shared.values())
            for shared in all_shared:
                if shared.needs_stream(self._openings):
                    self._open(shared)
                with self._wake:
                    state, watches = shared.state, list(shared.watches)
                if state is not None:
                    for watch in watches:
                        if watch.seen is not state:
                            watch.tell(state)

    def _is_due(self) -> bool:
        return self._closed or any(
            shared.needs_stream(self._openings)
            or (shared.state is not None and any(watch.seen is not shared.state for watch in shared.watches))
            for shared in self._shared.values()
        )

    def _open(self, shared: _Shared) -> None:
        if shared.stream is not None:
            if not shared.stream.is_active:
                _logger.warning("the stream of %s has ended and is opened anew", shared.name)
            _end(shared.stream)
        shared.opened_at = time.monotonic()
        shared.opened += 1

        def hear(snapshots: Sequence[firestore.DocumentSnapshot], *_: object) -> None:
            state = shared.arrange(snapshots)
            with self._wake:
                shared.state = state
                self._wake.notify()

        try:
            stream = shared.watched.on_snapshot(hear)
        except Exception:
            _logger.exception("%s cannot be watched yet", shared.name)
            stream = None
        with self._wake:
            shared.stream = stream
            wanted = self._shared.get(shared.name) is shared
        if not wanted:
            _end(stream)


def _end(stream: Any) -> None:
    if stream is not None:
        stream.unsubscribe()
