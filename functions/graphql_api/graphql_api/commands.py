"""Commands: what people ask of an instance or a world that exists. Each is one transaction on its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from ainimal_zookeeper.domain import ending, lifecycle, limits
from ainimal_zookeeper.domain.access import Action, Principal, decide
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.domain.errors import InvalidTransition, PermissionDenied
from ainimal_zookeeper.domain.events import EventKind, event
from ainimal_zookeeper.domain.keywords import keywords
from ainimal_zookeeper.domain.queries import LOGS, Page
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import labels
from .projection import resource_of
from .visibility import missing

Change = Callable[[InstanceDoc, datetime], InstanceDoc]

_LOG_CHUNKS = 100  # deleted in one transaction


class Commands:
    """Thread-safe; its functions block.

    All raise NotFound for what is not there or not to be seen, PermissionDenied, Conflict for an expected generation
    that has passed, InvalidTransition in a phase that does not allow it, InvalidInput, and Transient.
    """

    def __init__(self, *, store: DocumentStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def pause(self, principal: Principal, id: str, expected: int | None) -> InstanceDoc:
        return self._ask(principal, id, expected, "PAUSED", "asked to pause", lambda row, _: lifecycle.pause(row))

    def resume(self, principal: Principal, id: str, expected: int | None) -> InstanceDoc:
        return self._ask(principal, id, expected, "RESUMED", "asked to resume", lambda row, _: lifecycle.resume(row))

    def terminate(self, principal: Principal, id: str, expected: int | None) -> InstanceDoc:
        return self._ask(principal, id, expected, "STOPPING", "asked to end", lifecycle.terminate)

    def reset(self, principal: Principal, id: str, expected: int | None) -> InstanceDoc:
        message = "asked to start the next episode"
        return self._ask(principal, id, expected, "RESET", message, lambda row, _: lifecycle.reset_episode(row))

    def step(self, principal: Principal, id: str, count: int) -> InstanceDoc:
        message = f"asked for {count} steps"
        return self._ask(principal, id, None, "STEP", message, lambda row, _: lifecycle.grant_steps(row, count))

    def set_mode(self, principal: Principal, id: str, expected: int | None, mode: Mapping[str, bool]) -> InstanceDoc:
        wanted: Any = {"training": mode["training"], "inference": mode["inference"]}
        on = " and ".join(name for name, wants in wanted.items() if wants) or "nothing"
        message = f"mode set to {on}"
        return self._ask(principal, id, expected, "MODE", message, lambda row, _: lifecycle.set_mode(row, wanted))

    def set_rate(self, principal: Principal, id: str, expected: int | None, rate: float | None) -> InstanceDoc:
        message = "rate set to as fast as it goes" if rate is None else f"rate set to {rate:g} steps per second"
        return self._ask(principal, id, expected, "RATE", message, lambda row, _: lifecycle.set_rate(row, rate))

    def update(self, principal: Principal, id: str, changes: Mapping[str, Any]) -> InstanceDoc:
        """Changes name, tags and notes, each where it is given; a name or tags of null stay as they are."""

        def change(row: InstanceDoc, _: datetime) -> InstanceDoc:
            after: InstanceDoc = {**row, "name": labels.name(changes.get("name")) or row["name"]}
            if changes.get("tags") is not None:
                after["tags"] = labels.tags(changes["tags"])
            if "notes" in changes:
                after["notes"] = labels.notes(changes["notes"])
            after["keywords"] = keywords(after["name"], *after["tags"])
            return after

        return self._ask(principal, id, None, "UPDATED", "name, tags or notes changed", change, action="EDIT")

    def delete(self, principal: Principal, id: str, expected: int | None) -> None:
        """Forgets an instance that has ended, with its manifest, history, picture and log; its events stay.

        The log goes first, in pieces: whoever is interrupted finds the row and deletes again.
        """
        self._check(principal, self._store.get(instance_ref(id)), id, expected)
        while True:
            chunks = self._store.query(LOGS.bind(instance_id=id), Page(_LOG_CHUNKS)).documents
            if not chunks:
                break
            self._store.transact(lambda transaction, old=chunks: _delete_chunks(transaction, old))  # type: ignore[misc]
        event_id = self._ids.new("evt")

        def change(transaction: Transaction) -> None:
            self._check(principal, transaction.get(instance_ref(id)), id, expected)
            sides = (Collections.MANIFESTS, Collections.SERIES, Collections.THUMBNAILS)
            for ref in [instance_ref(id), *(Ref(collection, id) for collection in sides)]:
                transaction.delete(ref)
            happened = event(event_id, id, "DELETED", "deleted", self._clock.now(), user_id=principal.user_id)
            transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))

        self._store.transact(change)

    @staticmethod
    def _check(principal: Principal, found: Document | None, id: str, expected: int | None) -> None:
        row = allowed(principal, found, id, "DELETE")
        lifecycle.check_generation(row, expected)
        if not lifecycle.is_final(row):
            raise InvalidTransition(f"instance {id} is {row['status']['phase']}; terminate it before deleting it")

    def _ask(
        self,
        principal: Principal,
        id: str,
        expected: int | None,
        kind: EventKind,
        message: str,
        change: Change,
        action: Action = "CONTROL",
    ) -> InstanceDoc:
        """Changes the row and tells so, both or neither; a change that changes nothing is not told."""
        event_id = self._ids.new("evt")

        def apply(transaction: Transaction) -> InstanceDoc:
            now = self._clock.now()
            ref = instance_ref(id)
            row = allowed(principal, transaction.get(ref), id, action)
            lifecycle.check_generation(row, expected)
            after = change(row, now)
            if after == row:
                return row
            if lifecycle.is_final(after) and not lifecycle.is_final(row):
                held = transaction.get_many(limits.refs(after))
                for where, what in ending.writes(after, held, now, user_id=principal.user_id):
                    transaction.put(where, what)
                return after
            step = row["status"]["stats"]["step"]
            happened = event(event_id, id, kind, message, now, user_id=principal.user_id, step=step)
            transaction.put(ref, cast(Document, after))
            transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))
            return after

        return self._store.transact(apply)


def allowed(principal: Principal, found: Document | None, id: str, action: Action) -> InstanceDoc:
    """Returns the row. Raises: NotFound where it is not to be seen, PermissionDenied where `action` is not allowed."""
    if found is None:
        raise missing(id)
    row = cast(InstanceDoc, found)
    resource = resource_of(row)
    if not decide(principal, "SEE", resource):
        raise missing(id)
    if not decide(principal, action, resource):
        raise PermissionDenied(f"you may not {action.lower()} {id}; ask its owner")
    return row


def _delete_chunks(transaction: Transaction, chunks: tuple[Document, ...]) -> None:
    for chunk in chunks:
        transaction.delete(Ref(Collections.LOGS, chunk["id"]))
