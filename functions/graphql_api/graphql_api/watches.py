"""Watches of one link: what a runner is asked for once, told to however many listen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from .signals import Value, WatchRequest


@dataclass(frozen=True, slots=True)
class Problem:
    """Why values do not come."""

    code: str
    message: str


class Listener(Protocol):
    """What a stream hears of one watch; called on the loop, quickly."""

    def value(self, value: Value) -> None: ...

    def problem(self, problem: Problem) -> None: ...


@dataclass(slots=True)
class _Watch:
    id: int
    request: WatchRequest
    listeners: list[Listener] = field(default_factory=list)
    latest: Value | None = None


class Watches:
    """For one event loop.

    send: passes a message to the runner, or drops it while there is no connection.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], ids: Iterator[int]) -> None:
        self._send = send
        self._ids = ids
        self._watches: dict[WatchRequest, _Watch] = {}
        self._by_id: dict[int, _Watch] = {}
        self._problem: Problem | None = None

    def add(self, request: WatchRequest, listener: Listener) -> None:
        """Tells `listener` of values from now on, and of the newest one so far."""
        watch = self._watches.get(request)
        if watch is None:
            watch = _Watch(next(self._ids), request)
            self._watches[request] = self._by_id[watch.id] = watch
            self._send(request.message(watch.id))
        watch.listeners.append(listener)
        if watch.latest is not None:
            listener.value(watch.latest)
        elif self._problem is not None:
            listener.problem(self._problem)

    def remove(self, request: WatchRequest, listener: Listener) -> None:
        watch = self._watches.get(request)
        if watch is None or listener not in watch.listeners:
            return
        watch.listeners.remove(listener)
        if not watch.listeners:
            del self._watches[request], self._by_id[watch.id]
            self._send({"type": "unwatch", "id": watch.id})

    def ask(self) -> None:
        """Asks a new connection for all of them."""
        for watch in self._watches.values():
            self._send(watch.request.message(watch.id))

    def recover(self) -> None:
        """Forgets the problem that concerned them all."""
        self._problem = None

    def hear(self, value: Value) -> None:
        watch = self._by_id.get(value.watch_id)
        if watch is None:
            return
        watch.latest = value
        for listener in list(watch.listeners):
            listener.value(value)

    def hear_problem(self, id: int, problem: Problem) -> None:
        """Tells of why one of them cannot be served."""
        watch = self._by_id.get(id)
        for listener in list(watch.listeners) if watch is not None else ():
            listener.problem(problem)

    def fail(self, problem: Problem) -> None:
        """Tells every listener, once, of a problem that concerns them all."""
        if problem == self._problem:
            return
        self._problem = problem
        for watch in self._watches.values():
            watch.latest = None
            for listener in list(watch.listeners):
                listener.problem(problem)
