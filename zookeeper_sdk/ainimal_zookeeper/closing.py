"""Closing: a recording that has ended gets its manifest, and says how much of it there is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, cast

from .domain.documents import Collections, Document, RecordingDoc, Ref, SegmentDoc
from .domain.errors import NotFound
from .domain.events import event
from .domain.moments import timestamp
from .domain.queries import SEGMENTS, Page
from .domain.recordings import MANIFEST, manifest_of
from .ports.bucket import Bucket
from .ports.clock import Clock
from .ports.store import DocumentStore, Transaction

_AT_ONCE = 200  # documents of one read


class Closing:
    """Composes manifests of what has arrived. Thread-safe; doing it twice changes nothing.

    The manifest comes first: a recording that is SEALED or LOST has one. All raise Transient.
    """

    def __init__(self, *, store: DocumentStore, bucket: Bucket, clock: Clock) -> None:
        self._store = store
        self._bucket = bucket
        self._clock = clock

    def close(
        self, recording_id: str, phase: Literal["SEALED", "LOST"], failure: Mapping[str, str] | None = None
    ) -> RecordingDoc:
        """Ends a recording that is OPEN; `failure` is {code, message}. Returns it as it is then.

        Raises: NotFound for one that was deleted; NewerFormat for segments that this version does not know.
        """
        ref = Ref(Collections.RECORDINGS, recording_id)
        recording = cast("RecordingDoc | None", self._store.get(ref))
        if recording is None:
            raise NotFound(f"there is no recording {recording_id}; it was deleted")
        if recording["phase"] != "OPEN":
            return recording
        now = self._clock.now()
        manifest = manifest_of(
            [json.loads(segment["indexJson"]) for segment in self._segments(recording_id)],
            recordingId=recording_id,
            instanceId=recording["instanceId"],
            instanceName=recording["instanceName"],
            modelId=recording["modelId"],
            attempt=recording["attempt"],
            timeline=recording["timeline"],
            phase=phase,
            signals=recording["signals"],
            checkpointId=recording["checkpointId"],
            droppedSteps=recording["droppedSteps"],
            createdAt=recording["createdAt"],
            sealedAt=timestamp(now),
        )
        if manifest["segments"] or manifest["weights"]:
            content = json.dumps(manifest, separators=(",", ":")).encode()
            self._bucket.put(recording["prefix"] + MANIFEST, content, content_type="application/json")

        def change(transaction: Transaction) -> RecordingDoc:
            found = cast("RecordingDoc | None", transaction.get(ref))
            if found is None:
                raise NotFound(f"there is no recording {recording_id}; it was deleted")
            if found["phase"] != "OPEN":
                return found
            after = _closed(found, phase, failure, manifest, timestamp(now))
            transaction.put(ref, cast(Document, after))
            kind, message = _told(after)
            happened = event(f"evt_{recording_id}-closed", after["instanceId"], kind, message, now)
            transaction.put(Ref(Collections.EVENTS, happened["id"]), cast(Document, happened))
            return after

        return self._store.transact(change)

    def _segments(self, recording_id: str) -> list[SegmentDoc]:
        found: list[SegmentDoc] = []
        after = None
        while True:
            result = self._store.query(SEGMENTS.bind(recording_id=recording_id), Page(_AT_ONCE, after))
            found += cast("tuple[SegmentDoc, ...]", result.documents)
            if not result.has_next:
                return found
            after = result.cursors[-1]


def _closed(
    recording: RecordingDoc,
    phase: Literal["SEALED", "LOST"],
    failure: Mapping[str, str] | None,
    manifest: Mapping[str, Any],
    at: str,
) -> RecordingDoc:
    after: RecordingDoc = {
        **recording,
        "phase": phase,
        "sealedAt": at,
        "sizeBytes": manifest["sizeBytes"],
        "failure": recording["failure"] if failure is None else dict(failure),
    }
    if manifest["steps"]:
        after["firstStep"], after["lastStep"] = manifest["firstStep"], manifest["lastStep"]
    return after


def _told(recording: RecordingDoc) -> tuple[Literal["RECORDING", "WARNING"], str]:
    name, size = recording["id"], recording["sizeBytes"]
    steps = f"steps {recording['firstStep']:,} to {recording['lastStep']:,} ({size:,} bytes)" if size else "nothing"
    failure = "" if recording["failure"] is None else f": {recording['failure']['message']}"
    if recording["phase"] == "LOST":
        return "WARNING", f"the recording {name} ended before it was whole, with {steps}{failure}"
    if recording["droppedSteps"]:
        return "WARNING", f"the recording {name} has {steps}, without {recording['droppedSteps']:,} of them{failure}"
    return "RECORDING", f"the recording {name} has {steps}{failure}"
