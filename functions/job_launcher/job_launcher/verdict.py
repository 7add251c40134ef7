"""Verdicts: what the launcher and the reconciler write on an instance that its runner can no longer report on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import cast

from ainimal_zookeeper.domain import ending, lifecycle, limits
from ainimal_zookeeper.domain.documents import (
    Collections,
    Document,
    EventDoc,
    Failure,
    InstanceDoc,
    Ref,
    instance_ref,
)
from ainimal_zookeeper.domain.events import event
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

Change = Callable[[InstanceDoc, datetime], InstanceDoc]


class Verdicts:
    """Changes an instance while its attempt is current and it has not ended; otherwise does nothing. Thread-safe."""

    def __init__(self, *, store: DocumentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def fail(self, instance_id: str, attempt: int, code: str, message: str) -> bool:
        """The attempt can never run. One that a runner has claimed does run, whatever was thought of it."""

        def change(document: InstanceDoc, now: datetime) -> InstanceDoc:
            if document["status"]["claimed"]:
                return document
            failure: Failure = {"code": code, "message": message, "traceback": None, "step": None}
            return lifecycle.fail(document, failure, now)

        return self.apply(instance_id, attempt, change)

    def recover(self, instance_id: str, attempt: int, reason: str, *, interrupted: bool) -> InstanceDoc | None:
        """The attempt is gone. Returns what became of the instance, None when there was nothing to do any more."""

        def change(document: InstanceDoc, now: datetime) -> InstanceDoc:
            return lifecycle.recover(document, now, reason, interrupted=interrupted)

        return self._apply(instance_id, attempt, change)

    def apply(self, instance_id: str, attempt: int, change: Change) -> bool:
        """Writes what `change` makes of the instance, and what its end entails. Tells whether it was written.

        `change` sees the instance as it is now and returns it unchanged when there is nothing to do any more.
        """
        return self._apply(instance_id, attempt, change) is not None

    def _apply(self, instance_id: str, attempt: int, change: Change) -> InstanceDoc | None:
        now = self._clock.now()

        def run(transaction: Transaction) -> InstanceDoc | None:
            document = cast("InstanceDoc | None", transaction.get(instance_ref(instance_id)))
            if document is None or document["attempt"] != attempt or lifecycle.is_final(document):
                return None
            held = transaction.get_many(limits.refs(document))
            after = change(document, now)
            if after is document:
                return None
            if lifecycle.is_final(after):
                for ref, written in ending.writes(after, held, now):
                    transaction.put(ref, written)
            else:
                transaction.put(instance_ref(instance_id), cast(Document, after))
                happened = _happened(document, after, now)
                if happened is not None:
                    transaction.put(Ref(Collections.EVENTS, happened["id"]), cast(Document, happened))
            return after

        return self._store.transact(run)


def _happened(before: InstanceDoc, after: InstanceDoc, now: datetime) -> EventDoc | None:
    if after["attempt"] != before["attempt"]:
        return _relaunched(after, now)
    if lifecycle.is_silent(after) and not lifecycle.is_silent(before):
        status = after["status"]
        # One for each silence: what was last heard is the same as long as it lasts.
        event_id = f"evt_{after['id']}-{after['attempt']}-silent-{status['lastSequence']}"
        return event(event_id, after["id"], "HANG", f"it {status['stage']}", now, step=status["stats"]["step"])
    return None


def _relaunched(document: InstanceDoc, now: datetime) -> EventDoc:
    point, attempt = lifecycle.checkpoint_of(document), document["attempt"]
    step = None if point is None else point["step"]
    text = f"attempt {attempt} starts " + ("anew" if step is None else f"from step {step:,}")
    return event(f"evt_{document['id']}-{attempt}-relaunch", document["id"], "RELAUNCHED", text, now, step=step)
