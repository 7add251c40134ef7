"""Dead letters: a launch message that was given up raises one alarm, and does nothing else.

The instance needs no letter: its launch is asked for again until its deadline, and then it FAILED.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from ainimal_zookeeper.domain.documents import Collections, DeadLettersDoc, Document, Ref
from ainimal_zookeeper.domain.lifecycle import moment, timestamp
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Message, Queue
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

ALARM = "a launch message is a dead letter"
"""What the log says at ERROR, for an alert that looks for it; `instance_id`, `attempt` and `message_id` go with it."""

_REF = Ref(Collections.DUTIES, "deadLetters")
_PERIOD = timedelta(minutes=5)  # between two looks of anybody's: on Pub/Sub one takes a second
_REMEMBERED = 1000

_log = logging.getLogger(__name__)


class DeadLetters:
    """Looks for dead letters now and then. Thread-safe; of any number in any processes one looks."""

    def __init__(self, *, store: DocumentStore, queue: Queue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._next_look: datetime | None = None

    def tell(self) -> None:
        """Logs each letter once; twice, should this process end in between. Raises: Transient."""
        now = self._clock.now()
        if self._next_look is not None and now < self._next_look:
            return
        due = self._store.transact(lambda transaction: _claim(transaction, now))
        self._next_look = due or now + _PERIOD
        if due is not None:
            return
        letters = self._queue.dead_letters(LAUNCH_TOPIC)
        if not letters:
            return
        told = {entry["id"] for entry in _stored(self._store.get(_REF), now)["told"]}
        fresh = {letter.id: letter for letter in letters if letter.id not in told}
        for letter in fresh.values():
            data = letter.data
            about = {"instance_id": data.get("instanceId"), "attempt": data.get("attempt")}
            _log.error(ALARM, extra={**about, "message_id": letter.id, "deliveries": letter.attempt})
        if fresh:
            self._store.transact(lambda transaction: _remember(transaction, list(fresh.values()), now))


def _stored(found: Document | None, now: datetime) -> DeadLettersDoc:
    empty: DeadLettersDoc = {"id": _REF.id, "lookedAt": timestamp(now), "told": []}
    return empty if found is None else cast(DeadLettersDoc, found)


def _claim(transaction: Transaction, now: datetime) -> datetime | None:
    """Takes the look on; returns when the next one is due instead where somebody has just looked."""
    found = transaction.get(_REF)
    stored = _stored(found, now)
    due = moment(stored["lookedAt"]) + _PERIOD
    if found is not None and now < due:
        return due
    transaction.put(_REF, cast(Document, {**stored, "lookedAt": timestamp(now)}))
    return None


def _remember(transaction: Transaction, letters: Sequence[Message], now: datetime) -> None:
    stored = _stored(transaction.get(_REF), now)
    told = [*stored["told"], *({"id": letter.id, "at": timestamp(now)} for letter in letters)]
    transaction.put(_REF, cast(Document, {**stored, "told": told[-_REMEMBERED:]}))
