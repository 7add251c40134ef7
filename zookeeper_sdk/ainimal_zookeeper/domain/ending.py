"""The end of an instance as one change: its last document, its places under the limits, and the event that says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from . import limits
from .documents import Collections, Document, InstanceDoc, Ref, instance_ref
from .events import EventKind, event


def writes(
    ended: InstanceDoc, held: Sequence[Document | None], now: datetime, *, user_id: str | None = None
) -> list[tuple[Ref, Document]]:
    """Returns everything to be written in the transaction that ends an instance.

    ended: the instance in a final phase. held: the documents at `limits.refs(ended)`, read in the same transaction.
    The event's id is made of instance and attempt, so that an end is told once however often it is found.
    """
    status = ended["status"]
    failure = status["failure"]
    kind = cast(EventKind, status["phase"])
    message = "ended" if failure is None else failure["message"]
    step = status["stats"]["step"] if failure is None else failure["step"]
    event_id = f"evt_{ended['id']}-{ended['attempt']}-end"
    happened = event(event_id, ended["id"], kind, message, now, user_id=user_id, step=step)
    return [
        (instance_ref(ended["id"]), cast(Document, ended)),
        *limits.released(held, ended["id"]),
        (Ref(Collections.EVENTS, event_id), cast(Document, happened)),
    ]
