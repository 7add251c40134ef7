"""Finite limits: each a document that holds the set of ids that count against it.

Sets, not counters: adding an id twice or removing it twice is harmless, so that any step may run again, and the
reconciler can rebuild a set from the instances that live.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from .documents import Collections, Document, InstanceDoc, LimitDoc, Ref
from .errors import LimitReached

MODELS = "models"
ENVIRONMENTS = "environments"


def of_environment(environment_id: str) -> str:
    return f"environment:{environment_id}"


def of_world(environment_instance_id: str) -> str:
    return f"connected:{environment_instance_id}"


def counted_by(document: InstanceDoc) -> list[str]:
    """Returns the limits against which a living instance counts."""
    if document["origin"] == "ATTACHED":
        return []  # it runs where its user has started it
    names = [MODELS] if document["kind"] == "instance" else []
    if document["environmentId"] is not None:
        names += [ENVIRONMENTS, of_environment(document["environmentId"])]
    if document["environmentInstanceId"] is not None:
        names.append(of_world(document["environmentInstanceId"]))
    return names


def enter(limit: LimitDoc, member: str, maximum: int | None, what: str) -> LimitDoc:
    """Returns `limit` with `member` in it. `maximum` None: no limit.

    Raises: LimitReached when `member` would be one too many; the message names `what`.
    """
    if member in limit["members"]:
        return limit
    if maximum is not None and len(limit["members"]) >= maximum:
        raise LimitReached(
            f"{what}: {len(limit['members'])} of at most {maximum} are running; terminate one or raise the limit"
        )
    return {"id": limit["id"], "members": [*limit["members"], member]}


def leave(limit: LimitDoc, member: str) -> LimitDoc:
    return {"id": limit["id"], "members": [other for other in limit["members"] if other != member]}


def refs(document: InstanceDoc) -> list[Ref]:
    """Returns where the limits are stored against which a living instance counts."""
    return [Ref(Collections.LIMITS, name) for name in counted_by(document)]


def released(stored: Sequence[Document | None], member: str) -> list[tuple[Ref, Document]]:
    """Returns what to write so that `member` counts against none of the `stored` limits any more."""
    return [
        (Ref(Collections.LIMITS, limit["id"]), cast(Document, leave(cast(LimitDoc, limit), member)))
        for limit in stored
        if limit is not None and member in limit["members"]
    ]
