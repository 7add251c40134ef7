"""Old commands: a command id is remembered for a day, in which whoever sent it may send it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ainimal_zookeeper.domain.documents import COMMAND_LIFE_S, Collections, Ref
from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.domain.queries import COMMANDS_OLDEST, Page
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

_PERIOD = timedelta(minutes=1)
_AT_ONCE = 100
_BATCHES = 10  # in one go


class OldCommands:
    """Forgets what is older than a day. Thread-safe; any number may do so at once."""

    def __init__(self, *, store: DocumentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next_look: datetime | None = None

    def forget(self) -> None:
        """Costs a look at the oldest command when there is nothing to forget. Raises: Transient."""
        now = self._clock.now()
        if self._next_look is not None and now < self._next_look:
            return
        cutoff = timestamp(now - timedelta(seconds=COMMAND_LIFE_S))
        found = 1
        for _ in range(_BATCHES):
            documents = self._store.query(COMMANDS_OLDEST.bind(), Page(first=found)).documents
            old = [document["id"] for document in documents if document["at"] < cutoff]
            if old:
                self._store.transact(lambda transaction, old=old: _delete(transaction, old, cutoff))  # type: ignore[misc]
            if len(old) < found:
                self._next_look = now + _PERIOD
                return
            found = _AT_ONCE


def _delete(transaction: Transaction, ids: Sequence[str], cutoff: str) -> None:
    refs = [Ref(Collections.COMMANDS, command_id) for command_id in ids]
    for ref, command in zip(refs, transaction.get_many(refs), strict=True):
        if command is not None and command["at"] < cutoff:
            transaction.delete(ref)
