"""Annotations: what people note at the steps of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.access import Principal, Resource, decide
from ainimal_zookeeper.domain.documents import AnnotationDoc, Collections, Document, Ref, instance_ref
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound, PermissionDenied
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from .commands import allowed

MAX_TEXT = 2_000

_LAST_STEP = 2**53  # beyond it JSON has no whole numbers


class Annotations:
    """Thread-safe; its functions block. They raise NotFound for what is not to be seen, and PermissionDenied."""

    def __init__(self, *, store: DocumentStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def create(self, principal: Principal, input: Mapping[str, Any]) -> AnnotationDoc:
        """`input` is an `AnnotationCreateInput`. Raises: InvalidInput."""
        step, text = _step(input["step"], "step"), input["text"].strip()
        end = None if input.get("endStep") is None else _step(input["endStep"], "endStep")
        if end is not None and end < step:
            raise InvalidInput(f"endStep is {end}, before step {step}", ("input", "endStep"))
        if not 1 <= len(text) <= MAX_TEXT:
            raise InvalidInput(f"text has {len(text)} characters; use 1 to {MAX_TEXT}", ("input", "text"))
        instance_id, annotation_id = input["instanceId"], self._ids.new("ann")

        def change(transaction: Transaction) -> AnnotationDoc:
            row = allowed(principal, transaction.get(instance_ref(instance_id)), instance_id, "EDIT")
            timeline = row["timeline"] if input.get("timeline") is None else input["timeline"]
            if not 0 <= timeline <= row["timeline"]:
                raise InvalidInput(
                    f"timeline is {timeline}; {instance_id} is on timeline {row['timeline']}", ("input", "timeline")
                )
            made: AnnotationDoc = {
                "id": annotation_id,
                "instanceId": instance_id,
                "ownerId": row["ownerId"],
                "authorId": principal.user_id,
                "step": step,
                "endStep": end,
                "timeline": timeline,
                "text": text,
                "createdAt": lifecycle.timestamp(self._clock.now()),
            }
            transaction.put(Ref(Collections.ANNOTATIONS, annotation_id), cast(Document, made))
            return made

        return self._store.transact(change)

    def delete(self, principal: Principal, id: str) -> None:
        def change(transaction: Transaction) -> None:
            ref = Ref(Collections.ANNOTATIONS, id)
            found = cast("AnnotationDoc | None", transaction.get(ref))
            if found is None or not decide(principal, "OBSERVE", _resource(found)):
                raise NotFound(f"there is no annotation {id}; it may have been deleted")
            if not decide(principal, "EDIT", _resource(found)):
                raise PermissionDenied(f"you may not delete the annotation {id}; ask the owner of its instance")
            transaction.delete(ref)

        self._store.transact(change)


def _resource(annotation: AnnotationDoc) -> Resource:
    return Resource("instance", annotation["instanceId"], annotation["ownerId"])


def _step(given: float, name: str) -> int:
    if not 0 <= given < _LAST_STEP or given != int(given):
        raise InvalidInput(f"{name} is {given:g}; it must be a whole number from 0", ("input", name))
    return int(given)
