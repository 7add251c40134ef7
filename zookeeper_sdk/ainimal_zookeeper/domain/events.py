"""Events: what happened to a resource, for the people who look after it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from .documents import EventDoc
from .lifecycle import timestamp

EventKind = Literal[
    "LAUNCHED",
    "CLAIMED",
    "RUNNING",
    "PAUSED",
    "RESUMED",
    "MODE",
    "RATE",
    "STEP",
    "RESET",
    "UPDATED",
    "WARNING",
    "HANG",
    "RELAUNCHED",
    "CONTROL",
    "OVERRIDE",
    "CHECKPOINT",
    "RESTORED",
    "RECORDING",
    "STOPPING",
    "TERMINATED",
    "FAILED",
    "LOST",
    "DELETED",
]


def event(
    id: str,
    resource_id: str,
    kind: EventKind,
    message: str,
    at: datetime,
    *,
    user_id: str | None = None,
    step: int | None = None,
) -> EventDoc:
    """Returns the event's document. `message` is a sentence for people."""
    return {
        "id": id,
        "resourceId": resource_id,
        "at": timestamp(at),
        "kind": kind,
        "message": message,
        "userId": user_id,
        "step": step,
    }
