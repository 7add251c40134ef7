"""Lost recordings: what a runner that is gone has recorded gets its manifest, of what had arrived."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

from ainimal_zookeeper.closing import Closing
from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import FINAL_PHASES, InstanceDoc, RecordingDoc, instance_ref
from ainimal_zookeeper.domain.errors import NotFound
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.store import DocumentStore

_AT_ONCE = 100  # documents of one read

_log = logging.getLogger(__name__)


class LostRecordings:
    """Closes recordings whose attempt has ended without saying that they are whole. Thread-safe.

    `bucket` opens the bucket when it is first needed.
    """

    def __init__(self, *, store: DocumentStore, bucket: Callable[[], Bucket], clock: Clock) -> None:
        self._store = store
        self._bucket = bucket
        self._clock = clock

    def close(self) -> None:
        """Raises: Transient."""
        after = None
        while True:
            result = self._store.query(queries.RECORDINGS_BY_PHASE.bind(phase="OPEN"), queries.Page(_AT_ONCE, after))
            found = cast("tuple[RecordingDoc, ...]", result.documents)
            # Read after the recordings: one whose attempt is over by then was left open, and is not just being sealed.
            rows = self._store.get_many([instance_ref(each["instanceId"]) for each in found]) if found else []
            for document, row in zip(found, rows, strict=True):
                if not _is_made(document, cast("InstanceDoc | None", row)):
                    self._close(document)
            if not result.has_next:
                return
            after = result.cursors[-1]

    def _close(self, recording: RecordingDoc) -> None:
        failure = {"code": "UNAVAILABLE", "message": "its process was gone before the recording had ended"}
        closing = Closing(store=self._store, bucket=self._bucket(), clock=self._clock)
        try:
            closed = closing.close(recording["id"], "LOST", failure)
        except NotFound:
            return
        _log.info("the recording %s is %s", closed["id"], closed["phase"])


def _is_made(recording: RecordingDoc, row: InstanceDoc | None) -> bool:
    """Whether somebody may still be recording it."""
    return row is not None and row["attempt"] == recording["attempt"] and row["status"]["phase"] not in FINAL_PHASES
