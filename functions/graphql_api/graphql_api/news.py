"""News: the events of the zoo that one stream has not told yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ainimal_zookeeper.domain.documents import Document

MAX_EVENTS = 100

Place = tuple[str, str]  # time and id


class News:
    """since: the place of the newest event that the viewer has; empty texts where it begins afresh."""

    def __init__(self, since: Place, in_scope: Callable[[str], bool]) -> None:
        self.newest = since
        self._since = since
        self._in_scope = in_scope
        self._known: set[str] | None = None
        self._events: deque[Document] = deque(maxlen=MAX_EVENTS)

    def changed(self, state: list[Document]) -> None:
        """Notes the events that are new; the first state counts as known, but for what came after `since`."""
        known = self._known
        for document in reversed(state):
            place = (document["at"], document["id"])
            fresh = place > self._since if known is None else document["id"] not in known
            if known is None and not self._since[0]:
                fresh = False
            self.newest = max(self.newest, place)
            if fresh and self._in_scope(document["resourceId"]):
                self._events.append(document)
        self._known = {document["id"] for document in state}

    @property
    def waiting(self) -> bool:
        return bool(self._events)

    def take(self) -> list[Document]:
        """Returns the events to send, oldest first."""
        events = list(self._events)
        self._events.clear()
        return events
