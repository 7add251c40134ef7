"""Queue: messages that survive until somebody has handled them, at least once each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


class Delivery(Enum):
    """What a handler answers: ACK, the message is done with; RETRY, deliver it again later."""

    ACK = "ACK"
    RETRY = "RETRY"


@dataclass(frozen=True, slots=True)
class Message:
    """`attempt` counts deliveries from 1."""

    id: str
    topic: str
    data: Mapping[str, Any]
    attempt: int


Handler = Callable[[Message], Delivery]

LAUNCH_TOPIC = "launches"  # {"kind": "instance" | "environment", "instanceId": ..., "attempt": ..., "commandId": ...}


class Subscription(Protocol):
    def close(self) -> None: ...


class Queue(Protocol):
    """Order is not kept; a message may come more than once. Thread-safe.

    A handler that raises means RETRY. After the queue's maximum of deliveries a message becomes a dead letter.
    """

    def publish(self, topic: str, data: Mapping[str, Any]) -> str:
        """Returns the message's id once the message is durable. Raises: Transient."""
        ...

    def subscribe(self, topic: str, handler: Handler) -> Subscription:
        """Delivers messages of `topic`, also those published before, to `handler` in threads of the queue's."""
        ...

    def dead_letters(self, topic: str) -> list[Message]: ...

    def close(self) -> None: ...
