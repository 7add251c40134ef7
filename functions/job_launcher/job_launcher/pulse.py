"""Pulse: since when the zoo has listened to its runners without a gap; stored, as a process may live for one call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from ainimal_zookeeper.domain.documents import Collections, Document, PulseDoc, Ref
from ainimal_zookeeper.domain.lifecycle import moment, timestamp
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

_REF = Ref(Collections.DUTIES, "pulse")
_BEAT = timedelta(seconds=30)  # how often it is written at most
_ABSENCE = timedelta(seconds=150)  # between two beats: then the zoo was away; timers call at least every minute


@dataclass(frozen=True, slots=True)
class _Beat:
    at: datetime
    since: datetime


class Pulse:
    """Nobody could report while there was no zoo or this computer slept: silence counts from its end. Thread-safe."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._last: _Beat | None = None

    def listens_since(self, now: datetime) -> datetime:
        """Notes that the zoo is there `now` and returns since when it has been; costs nothing within the same beat."""
        last = self._last
        if last is None or now - last.at > _BEAT:
            last = self._last = self._store.transact(lambda transaction: _beat(transaction, now))
        return last.since


def _beat(transaction: Transaction, now: datetime) -> _Beat:
    stored = cast("PulseDoc | None", transaction.get(_REF))
    last = None if stored is None else _Beat(moment(stored["at"]), moment(stored["since"]))
    if last is not None and now - last.at <= _BEAT:
        return last
    beat = _Beat(now, now if last is None or now - last.at > _ABSENCE else last.since)
    written: PulseDoc = {"id": _REF.id, "at": timestamp(beat.at), "since": timestamp(beat.since)}
    transaction.put(_REF, cast(Document, written))
    return beat
