"""A queue that delivers when a test says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.ports.queue import Delivery, Handler, Message


class FakeQueue:
    """A `Queue`. `published` holds (topic, data) of everything ever published; `deliver` hands out what waits.

    `dead` are the dead letters, of which `looks` counts the readings; `broken` is raised by the next publications.
    """

    def __init__(self) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.dead: list[Message] = []
        self.looks = 0
        self.broken: ZookeeperError | None = None
        self._waiting: list[Message] = []
        self._handlers: dict[str, list[Handler]] = {}

    def publish(self, topic: str, data: Mapping[str, Any]) -> str:
        if self.broken is not None:
            raise self.broken
        self.published.append((topic, dict(data)))
        message = Message(f"msg_{len(self.published)}", topic, dict(data), 1)
        self._waiting.append(message)
        return message.id

    def subscribe(self, topic: str, handler: Handler) -> FakeSubscription:
        self._handlers.setdefault(topic, []).append(handler)
        return FakeSubscription(self._handlers[topic], handler)

    def deliver(self) -> None:
        """Delivers each waiting message once; those answered with RETRY wait again."""
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            answers = [handler(message) for handler in self._handlers.get(message.topic, [])]
            if not answers or Delivery.RETRY in answers:
                self._waiting.append(Message(message.id, message.topic, message.data, message.attempt + 1))

    def dead_letters(self, topic: str) -> list[Message]:
        self.looks += 1
        return list(self.dead)

    def close(self) -> None:
        self._handlers.clear()


class FakeSubscription:
    def __init__(self, handlers: list[Handler], handler: Handler) -> None:
        self._handlers, self._handler = handlers, handler

    def close(self) -> None:
        if self._handler in self._handlers:
            self._handlers.remove(self._handler)
