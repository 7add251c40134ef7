"""Watches of the SQLite store: one thread that tells listeners what has become of their targets."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable

from ainimal_zookeeper.domain.documents import Document, Ref
from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.domain.queries import BoundQuery

Target = Ref | BoundQuery
Listener = Callable[[list[Document]], None]

_POLL_S = 0.15  # how late a commit of another process is seen

_logger = logging.getLogger(__name__)


class RunningWatch:
    """A `Watch`. A listener may close its own."""

    def __init__(
        self, target: Target, triggers: frozenset[Hashable], listener: Listener, forget: Callable[[RunningWatch], None]
    ) -> None:
        self.target = target
        self.triggers = triggers
        self.due = True
        self.told: list[str] | None = None
        self._listener = listener
        self._forget = forget
        self._calling = threading.RLock()
        self._open = True

    def tell(self, state: list[Document]) -> None:
        with self._calling:
            if self._open:
                try:
                    self._listener(state)
                except Exception:
                    _logger.exception("the listener of a watch raised", extra={"target": str(self.target)})

    def close(self) -> None:
        with self._calling:
            self._open = False
        self._forget(self)


class Notifier:
    """Runs watches. `read` returns a target's documents as they are stored, `decode` makes one of them a document.

    `changed_elsewhere` is asked every 150 ms, while there are watches, whether anything changed that `note` was not
    told. The thread starts with the first watch.
    """

    def __init__(
        self,
        read: Callable[[Target], list[str]],
        decode: Callable[[str], Document],
        changed_elsewhere: Callable[[], bool],
    ) -> None:
        self._read = read
        self._decode = decode
        self._changed_elsewhere = changed_elsewhere
        self._wake = threading.Condition()
        self._watches: list[RunningWatch] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, target: Target, triggers: Iterable[Hashable], listener: Listener) -> RunningWatch:
        """Starts a watch that is due whenever one of `triggers` is noted."""
        watch = RunningWatch(target, frozenset(triggers), listener, self._forget)
        with self._wake:
            if self._closed:
                raise RuntimeError("the store is closed")
            self._watches.append(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-watches", daemon=True)
                self._thread.start()
            self._wake.notify()
        return watch

    def note(self, touched: set[Hashable]) -> None:
        """Says what a commit has touched."""
        with self._wake:
            for watch in self._watches:
                if not watch.triggers.isdisjoint(touched):
                    watch.due = True
                    self._wake.notify()

    def close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _forget(self, watch: RunningWatch) -> None:
        with self._wake:
            self._watches = [other for other in self._watches if other is not watch]

    def _run(self) -> None:
        well = True
        poll_at = 0.0
        while True:
            due = self._due(poll_at)
            if due is None:
                return
            try:
                if time.monotonic() >= poll_at:
                    poll_at = time.monotonic() + _POLL_S
                    if self._changed_elsewhere():
                        due = list(self._watches)
                for watch in due:
                    self._serve(watch)
                well = True
            except (ZookeeperError, RuntimeError) as error:
                with self._wake:
                    if self._closed:
                        return
                    for watch in due:
                        watch.due = True
                    if well:  # said once; the thread tries on until the store is well again
                        _logger.warning("watches cannot read the store: %s", error)
                    well = False
                    self._wake.wait(_POLL_S)

    def _due(self, poll_at: float) -> list[RunningWatch] | None:
        """Waits at most until it is time to poll. Returns the watches to serve, or None at the end."""
        with self._wake:
            timeout_s = max(0.0, poll_at - time.monotonic()) if self._watches else None
            self._wake.wait_for(lambda: self._closed or any(watch.due for watch in self._watches), timeout_s)
            if self._closed:
                return None
            due = [watch for watch in self._watches if watch.due]
            for watch in due:
                watch.due = False
            return due

    def _serve(self, watch: RunningWatch) -> None:
        found = self._read(watch.target)
        if found != watch.told:
            watch.told = found
            watch.tell([self._decode(text) for text in found])
