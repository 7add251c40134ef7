"""Orphans: jobs that nobody needs any more are deleted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from ainimal_zookeeper.domain.documents import FINAL_PHASES, InstanceDoc, instance_ref
from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.domain.lifecycle import moment
from ainimal_zookeeper.ports.compute import Compute, JobPhase, JobState
from ainimal_zookeeper.ports.store import DocumentStore

_AT_ONCE = 300  # documents of one read

_log = logging.getLogger(__name__)


class Orphans:
    """Deletes jobs of ended and deleted instances, and of older attempts. Thread-safe."""

    def __init__(self, *, store: DocumentStore, compute: Compute, grace_s: float) -> None:
        self._store = store
        self._compute = compute
        self._grace_s = grace_s

    def clear(self, states: Sequence[JobState], living: Sequence[InstanceDoc], now: datetime) -> None:
        """`living` were read before `states`: their current attempts' jobs are needed, for now. Raises: Transient."""
        current = {(document["id"], document["attempt"]) for document in living}
        asked = [state for state in states if (state.instance_id, state.attempt) not in current]
        for start in range(0, len(asked), _AT_ONCE):
            self._clear(asked[start : start + _AT_ONCE], now)

    def _clear(self, states: Sequence[JobState], now: datetime) -> None:
        # Read after the jobs: an instance that is absent now was deleted, not just made.
        documents = self._store.get_many([instance_ref(state.instance_id) for state in states])
        for state, found in zip(states, documents, strict=True):
            if self._is_needed(state, cast("InstanceDoc | None", found), now):
                continue
            try:
                self._compute.delete(state.instance_id, state.attempt, self._grace_s)
            except Transient as error:
                _log.warning("the job of %s stays for now: %s", state.instance_id, error.message)

    def _is_needed(self, state: JobState, document: InstanceDoc | None, now: datetime) -> bool:
        if document is None or document["attempt"] != state.attempt:
            return False
        if document["status"]["phase"] not in FINAL_PHASES:
            return True
        ended_at = document["status"]["endedAt"]
        is_leaving = state.phase in {JobPhase.PENDING, JobPhase.RUNNING} and document["status"]["phase"] != "LOST"
        # A runner that has said its last word still closes files.
        return is_leaving and ended_at is not None and now - moment(ended_at) <= timedelta(seconds=self._grace_s)
