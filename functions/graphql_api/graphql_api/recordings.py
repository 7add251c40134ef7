"""Recordings: what people ask to be recorded, and what they take away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle, paths
from ainimal_zookeeper.domain.access import Principal, Resource, decide
from ainimal_zookeeper.domain.documents import (
    CheckpointDoc,
    Collections,
    Document,
    InstanceDoc,
    RecordingDoc,
    Ref,
    instance_ref,
    run_prefix,
)
from ainimal_zookeeper.domain.errors import InvalidInput, InvalidTransition, NotFound, PermissionDenied
from ainimal_zookeeper.domain.events import event
from ainimal_zookeeper.domain.queries import SEGMENTS, Page
from ainimal_zookeeper.ports.bucket import Bucket, Share
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import idempotency, stored
from .commands import allowed

MAX_PATTERNS = 64
MAX_PATTERN = 256
SHARE_S = 3600.0

_AT_ONCE = 200  # documents of one transaction

Input = Mapping[str, Any]


class Recordings:
    """Thread-safe; its functions block. `bucket` opens the bucket when it is first needed.

    All raise NotFound for what is not there or not to be seen, PermissionDenied, InvalidTransition, and Transient.
    """

    def __init__(self, *, store: DocumentStore, bucket: Callable[[], Bucket], clock: Clock, ids: Ids) -> None:
        self._store = store
        self._bucket = bucket
        self._clock = clock
        self._ids = ids

    def start(self, principal: Principal, input: Input) -> tuple[InstanceDoc, RecordingDoc]:
        """Asks to record. `input` is a `RecordingStartInput`. Returns the row and the recording.

        Raises: InvalidInput for a pattern that names nothing, with what is near.
        """
        patterns = _patterns(input.get("signals"))

        def ask(transaction: Transaction, row: InstanceDoc, recording_id: str) -> InstanceDoc:
            found = transaction.get(Ref(Collections.MANIFESTS, row["id"]))
            if patterns is not None and found is not None:
                told = stored.manifest(found["manifestJson"], row["id"])
                _check_names(patterns, [signal["path"] for signal in told.get("signals") or ()])
            user, attempt = principal.user_id, row["attempt"]
            return lifecycle.record(
                row, {"id": recording_id, "signals": patterns, "authorId": user, "attempt": attempt}
            )

        return self._begin(principal, input, "ASKED", patterns, "asked to record", ask)

    def save_last(self, principal: Principal, input: Input) -> tuple[InstanceDoc, RecordingDoc]:
        """Asks for what it just did. `input` is a `RecordingSaveLastInput`. Returns the row and the recording."""
        seconds = float(input["seconds"])

        def ask(transaction: Transaction, row: InstanceDoc, recording_id: str) -> InstanceDoc:
            before = lifecycle.wanted_last(row)
            if before is not None:
                found = transaction.get(Ref(Collections.RECORDINGS, before["id"]))
                if found is not None and found["phase"] == "OPEN":
                    raise InvalidTransition(f"{before['id']} is being written; wait until that is done")
            user, attempt = principal.user_id, row["attempt"]
            return lifecycle.save_last(
                row, {"id": recording_id, "seconds": seconds, "authorId": user, "attempt": attempt}
            )

        return self._begin(principal, input, "LAST", None, f"asked to keep the last {seconds:g} s", ask)

    def stop(self, principal: Principal, id: str) -> tuple[InstanceDoc | None, RecordingDoc]:
        """Asks for the end of a recording. Returns the row, None where there is nothing to do, and the recording."""
        event_id = self._ids.new("evt")

        def change(transaction: Transaction) -> tuple[InstanceDoc | None, RecordingDoc]:
            recording = self._allowed(principal, transaction.get(Ref(Collections.RECORDINGS, id)), id, "EDIT")
            ref = instance_ref(recording["instanceId"])
            row = cast("InstanceDoc | None", transaction.get(ref))
            if row is None:
                return None, recording
            after = lifecycle.stop_recording(row, id)
            if after is row:
                return None, recording
            transaction.put(ref, cast(Document, after))
            self._tell(transaction, event_id, row, f"asked to stop the recording {id}", principal)
            return after, recording

        return self._store.transact(change)

    def delete(self, principal: Principal, id: str) -> None:
        """Takes a recording away: its objects first, so that whoever is interrupted finds it and deletes again."""
        ref, event_id = Ref(Collections.RECORDINGS, id), self._ids.new("evt")
        recording = self._allowed(principal, self._store.get(ref), id, "DELETE")
        if recording["phase"] == "OPEN":
            raise InvalidTransition(
                f"{id} is being recorded; stop it first. Where its process is gone, it is closed within a minute"
            )
        bucket = self._bucket()
        for found in list(bucket.list(recording["prefix"])):
            bucket.delete(found.name)
        while segments := self._store.query(SEGMENTS.bind(recording_id=id), Page(_AT_ONCE)).documents:
            gone = [Ref(Collections.SEGMENTS, segment["id"]) for segment in segments]
            self._store.transact(lambda transaction, gone=gone: _delete(transaction, gone))  # type: ignore[misc]
        self._discard(recording, bucket)

        def change(transaction: Transaction) -> None:
            self._allowed(principal, transaction.get(ref), id, "DELETE")
            transaction.delete(ref)
            now, user = self._clock.now(), principal.user_id
            message = f"the recording {id} of steps {recording['firstStep']:,} to {recording['lastStep']:,} was deleted"
            happened = event(event_id, recording["instanceId"], "RECORDING", message, now, user_id=user)
            transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))

        self._store.transact(change)

    def forget(self, recording: RecordingDoc) -> None:
        """Takes one away that has become nothing, and of which whoever asked is told just that."""
        self._store.transact(lambda transaction: transaction.delete(Ref(Collections.RECORDINGS, recording["id"])))

    def share(self, recording: Mapping[str, Any]) -> Share:
        """Returns how to read its objects."""
        return self._bucket().share(recording["prefix"], SHARE_S)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _begin(
        self,
        principal: Principal,
        input: Input,
        kind: str,
        patterns: list[str] | None,
        message: str,
        ask: Callable[[Transaction, InstanceDoc, str], InstanceDoc],
    ) -> tuple[InstanceDoc, RecordingDoc]:
        instance_id = input["instanceId"]
        recording_id, event_id = self._ids.new("rec"), self._ids.new("evt")

        def change(transaction: Transaction) -> tuple[InstanceDoc, RecordingDoc]:
            now = self._clock.now()
            ref = instance_ref(instance_id)
            row = allowed(principal, transaction.get(ref), instance_id, "EDIT")
            before = idempotency.made_before(transaction, input, principal, "rec_")
            if before is not None:
                found = transaction.get(Ref(Collections.RECORDINGS, before))
                return row, self._allowed(principal, found, before, "EDIT")
            after = ask(transaction, row, recording_id)
            step = row["status"]["stats"]["step"]
            recording: RecordingDoc = {
                "id": recording_id,
                "instanceId": instance_id,
                "instanceName": row["name"],
                "modelId": None if row["model"] is None else row["model"]["id"],
                "ownerId": row["ownerId"],
                "authorId": principal.user_id,
                "attempt": row["attempt"],
                "timeline": row["timeline"],
                "phase": "OPEN",
                "asked": patterns,
                "signals": [],
                "firstStep": step,
                "lastStep": step,
                "firstAt": None,
                "lastAt": None,
                "sizeBytes": 0,
                "droppedSteps": 0,
                "createdAt": lifecycle.timestamp(now),
                "sealedAt": None,
                "checkpointId": None,
                "prefix": f"{run_prefix(instance_id, row['attempt'])}recordings/{recording_id}/",
                "kind": cast(Any, kind),
                "failure": None,
            }
            transaction.put(ref, cast(Document, after))
            transaction.put(Ref(Collections.RECORDINGS, recording_id), cast(Document, recording))
            self._tell(transaction, event_id, row, f"{message}, as {recording_id}", principal)
            idempotency.remember(transaction, input, principal, recording_id, now)
            return after, recording

        return self._store.transact(change)

    def _discard(self, recording: RecordingDoc, bucket: Bucket) -> None:
        """Takes its checkpoint away where that was made for it alone."""
        if recording["checkpointId"] is None:
            return
        from ainimal_zookeeper.checkpoints.discarding import Discards

        def only_its_own(checkpoint: CheckpointDoc) -> tuple[()]:
            if checkpoint["kind"] != "RECORDING" or checkpoint["starts"]:
                raise InvalidTransition(f"the checkpoint {checkpoint['tag']} is in use")
            return ()

        try:
            Discards(store=self._store, bucket=bucket, clock=self._clock).discard(
                recording["checkpointId"], only_its_own
            )
        except (NotFound, InvalidTransition):
            return

    def _tell(
        self, transaction: Transaction, event_id: str, row: InstanceDoc, message: str, principal: Principal
    ) -> None:
        now, step = self._clock.now(), row["status"]["stats"]["step"]
        happened = event(event_id, row["id"], "RECORDING", message, now, user_id=principal.user_id, step=step)
        transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))

    @staticmethod
    def _allowed(principal: Principal, found: Document | None, id: str, action: Any) -> RecordingDoc:
        recording = cast("RecordingDoc | None", found)
        if recording is None or not decide(principal, "OBSERVE", resource_of(recording)):
            raise missing(id)
        if not decide(principal, action, resource_of(recording)):
            raise PermissionDenied(f"you may not {action.lower()} the recording {id}; ask its owner")
        return recording


def resource_of(recording: RecordingDoc) -> Resource:
    """Returns what access is decided about: the instance that it is of, were that gone by now."""
    return Resource("instance", recording["instanceId"], recording["ownerId"])


def missing(id: str) -> NotFound:
    return NotFound(f"there is no recording {id}; it may have been deleted, list those that exist")


def _delete(transaction: Transaction, gone: list[Ref]) -> None:
    for ref in gone:
        transaction.delete(ref)


def _patterns(given: list[str] | None) -> list[str] | None:
    """Returns patterns of paths, each once. Raises: InvalidInput."""
    if given is None:
        return None
    kept = list(dict.fromkeys(given))
    if not 1 <= len(kept) <= MAX_PATTERNS:
        raise InvalidInput(
            f"signals has {len(kept)} entries; give 1 to {MAX_PATTERNS}, or leave it out for what is usual",
            ("input", "signals"),
        )
    for number, pattern in enumerate(kept):
        if not pattern.strip() or len(pattern) > MAX_PATTERN or not pattern.isprintable():
            raise InvalidInput(
                f"{pattern!r:.80} is no path; use 1 to {MAX_PATTERN} characters", ("input", "signals", str(number))
            )
    return kept


def _check_names(patterns: list[str], known: list[str]) -> None:
    """Raises: InvalidInput for a pattern that names no signal."""
    for number, pattern in enumerate(patterns):
        if not paths.chosen([pattern], known):
            near = get_close_matches(pattern, known, 3, 0.4) or known[:3]
            raise InvalidInput(
                f"{pattern!r} names no signal of it; try {', '.join(near) or 'another'}, or list its signals",
                ("input", "signals", str(number)),
            )
