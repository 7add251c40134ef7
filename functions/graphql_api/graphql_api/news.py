"""News: the events of the zoo that one stream has not told yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.lifecycle import moment, timestamp

from .cursor import Place
from .mark import Mark, fingerprint

MAX_EVENTS = 100  # as many as a watch tells of
LATE = timedelta(seconds=60)
_BEGINNING: Place = ("", "")


class News:
    """Tells each event once, in one stream or in several that continue each other, in whatever order they come.

    An event has its time before it is stored, and the clocks of those who write differ: it may come up to `LATE` after
    newer ones.

    since: the mark that the viewer has; None where it begins afresh. now: the time by this process's clock.
    """

    def __init__(self, since: Mark[Place] | None, in_scope: Callable[[str], bool], now: Callable[[], datetime]) -> None:
        self.mark = since
        self._since = since
        self._in_scope = in_scope
        self._now = now
        self._known: set[str] | None = None
        self._edge = _BEGINNING  # what lies before it has left the watched ones, if it ever was among them
        self._events: deque[Document] = deque(maxlen=MAX_EVENTS)

    def changed(self, state: list[Document]) -> None:
        """Notes the events that are new; the first state counts as known, but for what came after `since`."""
        for document in reversed(state):
            if self._fresh(document) and self._in_scope(document["resourceId"]):
                self._events.append(document)
        self._known = {document["id"] for document in state}
        if len(state) >= MAX_EVENTS:
            self._edge = max(self._edge, _place(state[-1]))
        self.mark = self._marked(state)

    @property
    def waiting(self) -> bool:
        return bool(self._events)

    def take(self) -> list[Document]:
        """Returns the events to send, oldest first; `mark` is the place after them."""
        events = list(self._events)
        self._events.clear()
        return events

    def _fresh(self, document: Document) -> bool:
        since, place = self._since, _place(document)
        if self._known is None:
            fresh = since is not None and place > since.floor
        else:
            fresh = document["id"] not in self._known and place > self._edge
        return fresh and (since is None or fingerprint(document["id"]) not in since.told)

    def _marked(self, state: list[Document]) -> Mark[Place]:
        floor = self._edge
        if state:
            newest = min(state[0]["at"], timestamp(self._now()))
            floor = max(floor, (timestamp(moment(newest) - LATE), ""))
        told = {fingerprint(document["id"]) for document in state if _place(document) > floor}
        since = self._since
        if since is not None:
            floor = max(floor, since.floor)
            # The store of this process may be behind what the viewer was told elsewhere.
            if not since.floor[0] or floor[0] <= _later(since.floor[0]):
                told |= since.told
        return Mark(floor, frozenset(told))


def _place(document: Document) -> Place:
    return (document["at"], document["id"])


def _later(at: str) -> str:
    return timestamp(moment(at) + LATE)
