"""Reconciler: makes instances and jobs agree, from what the store and the compute say now and nothing remembered.

Whatever was killed, forgotten or delivered twice is put right here, so no other part needs to be sure of anything.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from ainimal_zookeeper.domain import lifecycle, queries
from ainimal_zookeeper.domain.documents import (
    FINAL_PHASES,
    Collections,
    ConfigurationDoc,
    InstanceDoc,
    Ref,
    instance_ref,
)
from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.domain.lifecycle import moment
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.compute import Compute, JobPhase, JobState
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Queue
from ainimal_zookeeper.ports.store import DocumentStore

from .census import Census
from .verdict import Verdicts

_log = logging.getLogger(__name__)

LIVING_PHASES = ("PENDING", "STARTING", "RUNNING", "PAUSED", "HIBERNATED", "STOPPING")
DEFAULT_DEADLINE_S = 900.0
_ABSENCE_S = 150.0  # between two runs: then the zoo was away; timers run it at least every minute

Jobs = Mapping[tuple[str, int], JobState]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, the reconciler waits before it acts."""

    republish_s: float = 5  # until a launch that has no job is asked for again
    silence_s: float = 60  # until an attached instance that does not report is lost
    hush_s: float = 30  # until it is said that a runner whose job lives does not report: three report periods
    grace_s: float = 5  # that a runner gets to leave
    notice_s: float = 6  # until a runner has surely heard that it should leave: it polls every 5 s


class Reconciler:
    """Runs now and then; any number may run at once, as each change is made in a transaction on what is true then."""

    def __init__(
        self,
        *,
        store: DocumentStore,
        queue: Queue,
        compute: Compute,
        clock: Clock,
        ids: Ids,
        patience: Patience | None = None,
    ) -> None:
        self._store = store
        self._queue = queue
        self._compute = compute
        self._clock = clock
        self._ids = ids
        self._patience = patience or Patience()
        self._verdicts = Verdicts(store=store, clock=clock)
        self._census = Census(store)
        self._asked_again: dict[tuple[str, int], datetime] = {}
        self._ended_by_force: set[tuple[str, int]] = set()
        self._listens_since: datetime | None = None
        self._last_run: datetime | None = None

    def run_once(self) -> None:
        """Raises: Transient when the store, the queue or the compute is away; the next run does the rest."""
        # Documents before jobs: a job that is seen missing then has ended, and was not just about to be launched.
        living = list(self._living())
        states = self._compute.observe()
        jobs = {(state.instance_id, state.attempt): state for state in states}
        now = self._clock.now()
        deadline_s = self._deadline_s()
        self._note_absence(now)
        for document in living:
            self._settle(document, jobs, now, deadline_s)
        self._clear(states, now)
        self._census.rebuild(living)
        current = {(document["id"], document["attempt"]) for document in living}
        self._asked_again = {key: at for key, at in self._asked_again.items() if key in current}
        self._ended_by_force &= current

    def _living(self) -> Iterator[InstanceDoc]:
        for query in (queries.INSTANCES_BY_PHASE, queries.ENVIRONMENT_INSTANCES_BY_PHASE):
            after = None
            while True:
                found = self._store.query(query.bind(phases=LIVING_PHASES), queries.Page(first=200, after=after))
                yield from cast("tuple[InstanceDoc, ...]", found.documents)
                if not found.has_next:
                    break
                after = found.cursors[-1]

    def _deadline_s(self) -> float:
        configuration = cast("ConfigurationDoc | None", self._store.get(Ref(Collections.CONFIGURATION, "zoo")))
        return DEFAULT_DEADLINE_S if configuration is None else configuration["launchDeadlineSeconds"]

    # --- one living instance ---------------------------------------------------------------------------------------

    def _settle(self, document: InstanceDoc, jobs: Jobs, now: datetime, deadline_s: float) -> None:
        job = jobs.get((document["id"], document["attempt"]))
        gone = job is None or job.phase in {JobPhase.ENDED, JobPhase.FAILED}
        if document["desired"]["phase"] == "TERMINATED":
            self._stop(document, now, gone=gone)
        elif document["origin"] == "ATTACHED":
            self._listen(document, now)
        elif document["status"]["claimed"]:
            if gone:
                was_leaving = document["status"]["phase"] == "STOPPING"
                self._recover(document, "it was asked to leave" if was_leaving else _last_words(job), job)
            else:
                self._point_out_silence(document, now)
        elif job is None:
            self._ask_again(document, now, deadline_s)
        elif gone:
            self._recover(document, f"the runner ended before it began: {_last_words(job)}", job)
        else:
            self._await(document, job, now, deadline_s)

    def _stop(self, document: InstanceDoc, now: datetime, *, gone: bool) -> None:
        asked_at = document["status"]["stoppingAt"]
        patience = self._patience.grace_s + self._patience.notice_s
        if gone:
            self._verdicts.apply(document["id"], document["attempt"], lifecycle.finish)
        elif asked_at is None or now - moment(asked_at) > timedelta(seconds=patience):
            key = (document["id"], document["attempt"])
            if key not in self._ended_by_force:
                self._ended_by_force.add(key)
                _log.warning("the runner of %s does not stop and is ended", document["id"])
            self._compute.delete(document["id"], document["attempt"], self._patience.grace_s)

    def _listen(self, document: InstanceDoc, now: datetime) -> None:
        """An attached instance has no job: only its voice tells that it lives."""
        heard = document["status"]["heartbeatAt"] or document["status"]["attemptStartedAt"]
        if now - moment(heard) > timedelta(seconds=self._patience.silence_s):
            self._recover(document, f"nothing was heard of it since {heard}")

    def _note_absence(self, now: datetime) -> None:
        """Nobody could report while there was no zoo or this computer slept: silence counts from its end."""
        gap = timedelta(seconds=_ABSENCE_S)
        if self._listens_since is None or self._last_run is None or now - self._last_run > gap:
            self._listens_since = now
        self._last_run = now

    def _point_out_silence(self, document: InstanceDoc, now: datetime) -> None:
        """Its job lives; a runner that says nothing is stopped, or its interpreter is held."""
        heard = moment(document["status"]["heartbeatAt"] or document["status"]["attemptStartedAt"])
        seconds = (now - max(heard, self._listens_since or now)).total_seconds()
        if seconds < self._patience.hush_s or lifecycle.is_silent(document):
            return

        def change(current: InstanceDoc, _: datetime) -> InstanceDoc:
            was_heard = current["status"]["heartbeatAt"] != document["status"]["heartbeatAt"]
            return current if was_heard else lifecycle.silent(current, int(seconds))

        self._verdicts.apply(document["id"], document["attempt"], change)

    def _recover(self, document: InstanceDoc, reason: str, job: JobState | None = None) -> None:
        """Gives up an attempt that is gone: another one is launched, or the instance ends (`lifecycle.recover`)."""
        interrupted = job is not None and job.interrupted
        became = self._verdicts.recover(document["id"], document["attempt"], reason, interrupted=interrupted)
        if became is None:
            return
        if not lifecycle.is_final(became):
            _log.info("instance %s starts again: %s", document["id"], reason)
            self._publish(became)  # if that fails the next runs see a launch that waits, and ask again
        elif became["status"]["phase"] == "LOST":
            _log.warning("instance %s is lost: %s", document["id"], reason)

    def _ask_again(self, document: InstanceDoc, now: datetime, deadline_s: float) -> None:
        """The launch was never published, or its message was lost, or is on its way."""
        key = (document["id"], document["attempt"])
        if self._is_late(document, None, now, deadline_s):
            return
        last = self._asked_again.get(key, moment(document["status"]["attemptStartedAt"]))
        if now - last > timedelta(seconds=self._patience.republish_s):
            self._asked_again[key] = now
            self._publish(document)

    def _publish(self, document: InstanceDoc) -> None:
        message = {
            "kind": document["kind"],
            "instanceId": document["id"],
            "attempt": document["attempt"],
            "commandId": self._ids.new("cmd"),
        }
        self._queue.publish(LAUNCH_TOPIC, message)

    def _await(self, document: InstanceDoc, job: JobState, now: datetime, deadline_s: float) -> None:
        if self._is_late(document, job, now, deadline_s) or job.detail is None:
            return
        stage = job.detail

        def change(current: InstanceDoc, _: datetime) -> InstanceDoc:
            return lifecycle.wait(current, stage)

        if document["status"]["stage"] != stage:
            self._verdicts.apply(document["id"], document["attempt"], change)

    def _is_late(self, document: InstanceDoc, job: JobState | None, now: datetime, deadline_s: float) -> bool:
        """Fails an instance whose launch takes too long, with the platform's reason."""
        if now - moment(document["status"]["attemptStartedAt"]) <= timedelta(seconds=deadline_s):
            return False
        why = "no job was made for it" if job is None else job.detail or "its job started and said nothing"
        message = f"no runner took it within {deadline_s:g} s: {why}"
        self._verdicts.fail(document["id"], document["attempt"], "UNAVAILABLE", message)
        return True

    # --- jobs --------------------------------------------------------------------------------------------------------

    def _clear(self, states: list[JobState], now: datetime) -> None:
        """Deletes jobs that nobody needs: of ended and deleted instances, and of older attempts."""
        # Read after the jobs: an instance that is absent now was deleted, not just made.
        documents = self._store.get_many([instance_ref(state.instance_id) for state in states])
        for state, found in zip(states, documents, strict=True):
            document = cast("InstanceDoc | None", found)
            if self._is_needed(state, document, now):
                continue
            try:
                self._compute.delete(state.instance_id, state.attempt, self._patience.grace_s)
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
        return (
            is_leaving and ended_at is not None and now - moment(ended_at) <= timedelta(seconds=self._patience.grace_s)
        )


def _last_words(job: JobState | None) -> str:
    if job is None:
        return "its job does not exist any more"
    return job.detail or f"its job has {job.phase.value.lower()} without a word"
