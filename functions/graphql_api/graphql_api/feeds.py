"""Feeds: the signals that one stream follows, each with its newest value that was not sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from .link import Link
from .links import Links
from .projection import Shown
from .signals import Value, WatchRequest
from .watches import Problem

Tell = Callable[["Feed", Problem], None]


class Feeds:
    """All signals of one stream.

    event_bytes: what the values of one event may take together, and therefore each of them.
    news: called when a value waits to be sent. tell: called with why a signal's values do not come.
    """

    def __init__(
        self, requests: Sequence[Mapping[str, Any]], *, event_bytes: int, news: Callable[[], None], tell: Tell
    ) -> None:
        self.event_bytes = event_bytes
        self.tell = tell
        self._news = news
        self._feeds = [Feed(request, self) for request in requests]
        self._waiting: dict[Feed, int] = {}  # by how long they wait, with what their values take

    def __len__(self) -> int:
        return len(self._feeds)

    @property
    def instance_ids(self) -> list[str]:
        return [feed.instance_id for feed in self._feeds]

    def join(self, links: Links, observed: AbstractSet[str]) -> None:
        """Watches the signals of those instances that may be observed."""
        for feed in self._feeds:
            if feed.instance_id in observed:
                feed.join(links.acquire(feed.instance_id))

    def leave(self, links: Links) -> None:
        for feed in self._feeds:
            link = feed.leave()
            if link is not None:
                links.release(link)

    def wait(self, feed: Feed, size: int) -> None:
        """Notes that a value of `feed` waits; one that replaces another keeps its turn."""
        self._waiting[feed] = size
        self._news()

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def next_bytes(self) -> int:
        """How much the values of the next event take."""
        return sum(self._waiting[feed] for feed in self._next())

    def take(self) -> list[Shown]:
        """Returns the `SignalValue` objects of the next event; what has no room waits for the one after."""
        chosen = self._next()
        for feed in chosen:
            del self._waiting[feed]
        if self._waiting:
            self._news()
        return [feed.take() for feed in chosen]

    def _next(self) -> list[Feed]:
        chosen: list[Feed] = []
        room = self.event_bytes
        for feed, size in self._waiting.items():
            room -= size
            if room < 0:
                break
            chosen.append(feed)
        return chosen


class Feed:
    """One `SignalRequest`: the newest value that was not sent, and how many it replaced."""

    def __init__(self, request: Mapping[str, Any], feeds: Feeds) -> None:
        self.instance_id: str = request["instanceId"]
        self.key: str | None = request.get("key")
        self.path: str = request["path"]
        self._request = WatchRequest.of(request)
        self._feeds = feeds
        self._link: Link | None = None
        self._pending: Value | None = None
        self._dropped = 0
        self._too_large = False

    def join(self, link: Link) -> None:
        self._link = link
        link.watch(self._request, self)

    def leave(self) -> Link | None:
        """Returns the link that is no longer used."""
        link, self._link = self._link, None
        if link is not None:
            link.unwatch(self._request, self)
        return link

    def value(self, value: Value) -> None:
        """Takes the newest value. One that no event has room for is not sent, which is told once in a row."""
        if value.size > self._feeds.event_bytes:
            self._dropped += value.dropped + 1
            if not self._too_large:
                self._too_large = True
                self._feeds.tell(self, _too_large(self.path, value.size, self._feeds.event_bytes))
            return
        self._too_large = False
        self._dropped += value.dropped + (self._pending is not None)
        self._pending = value
        self._feeds.wait(self, value.size)

    def problem(self, problem: Problem) -> None:
        self._feeds.tell(self, problem)

    def take(self) -> Shown:
        """Returns the `SignalValue` that waits."""
        value, dropped = self._pending, self._dropped
        assert value is not None  # noqa: S101  taken where one waits
        self._pending, self._dropped = None, 0
        return {
            **value.shown,
            "key": self.key,
            "instanceId": self.instance_id,
            "path": self.path,
            "dropped": dropped,
        }


def _too_large(path: str, size: int, most: int) -> Problem:
    message = (
        f"{path} takes {size} bytes as it is asked for, and a stream carries values of at most {most}; "
        "ask with maxSize, crop, index or a reduction"
    )
    return Problem("INVALID_INPUT", message)
