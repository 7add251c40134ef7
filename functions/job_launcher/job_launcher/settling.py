"""Settling: what one living instance needs, from what the store and the compute say of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import InstanceDoc
from ainimal_zookeeper.domain.lifecycle import moment
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.compute import Compute, JobPhase, JobState
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Queue
from ainimal_zookeeper.ports.store import DocumentStore

from .patience import Patience
from .verdict import Verdicts

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is true for all instances in one run of the reconciler."""

    now: datetime
    listens_since: datetime
    deadline_s: float


class Settling:
    """Makes instance and job agree, each change in a transaction on what is true then. Thread-safe.

    What it remembers only keeps it from saying the same twice.
    """

    def __init__(
        self, *, store: DocumentStore, queue: Queue, compute: Compute, clock: Clock, ids: Ids, patience: Patience
    ) -> None:
        self._queue = queue
        self._compute = compute
        self._ids = ids
        self._patience = patience
        self._verdicts = Verdicts(store=store, clock=clock)
        self._asked_again: dict[tuple[str, int], datetime] = {}
        self._ended_by_force: set[tuple[str, int]] = set()

    def settle(self, document: InstanceDoc, job: JobState | None, given: Circumstances) -> None:
        """`document` must have been read before `job`: then a job that is missing has ended, and is not yet to come.

        Raises: Transient when the store, the queue or the compute is away.
        """
        gone = job is None or job.phase in {JobPhase.ENDED, JobPhase.FAILED}
        if document["origin"] == "ATTACHED":
            self._listen(document, given)
        elif document["desired"]["phase"] == "TERMINATED":
            self._stop(document, given.now, gone=gone)
        elif document["status"]["claimed"]:
            if gone:
                was_leaving = document["status"]["phase"] == "STOPPING"
                self._recover(document, "it was asked to leave" if was_leaving else _last_words(job), job)
            else:
                self._point_out_silence(document, given)
        elif job is None:
            self._ask_again(document, given)
        elif gone:
            self._recover(document, f"the runner ended before it began: {_last_words(job)}", job)
        else:
            self._await(document, job, given)

    def forget_others(self, living: Sequence[InstanceDoc]) -> None:
        """Keeps memories of `living` only."""
        current = {_key(document) for document in living}
        self._asked_again = {key: at for key, at in self._asked_again.items() if key in current}
        self._ended_by_force &= current

    def _stop(self, document: InstanceDoc, now: datetime, *, gone: bool) -> None:
        asked_at = document["status"]["stoppingAt"]
        patience = self._patience.grace_s + self._patience.notice_s
        if gone:
            self._verdicts.apply(document["id"], document["attempt"], lifecycle.finish)
        elif asked_at is None or now - moment(asked_at) > timedelta(seconds=patience):
            if _key(document) not in self._ended_by_force:
                self._ended_by_force.add(_key(document))
                _log.warning("the runner of %s does not stop and is ended", document["id"])
            self._compute.delete(document["id"], document["attempt"], self._patience.grace_s)

    def _listen(self, document: InstanceDoc, given: Circumstances) -> None:
        """An attached instance has no job: only its voice tells that it lives, and whether it has ended as asked."""
        heard = _heard(document)
        since = max(moment(heard), given.listens_since)
        if given.now - since <= timedelta(seconds=self._patience.silence_s):
            return

        def change(current: InstanceDoc, at: datetime) -> InstanceDoc:
            reason = f"nothing was heard of it since {heard}"
            return current if _heard(current) != heard else lifecycle.recover(current, at, reason)

        if self._verdicts.apply(document["id"], document["attempt"], change):
            _log.warning("nothing is heard of the script of %s any more", document["id"])

    def _point_out_silence(self, document: InstanceDoc, given: Circumstances) -> None:
        """Its job lives; a runner that says nothing is stopped, or its interpreter is held."""
        heard = _heard(document)
        seconds = (given.now - max(moment(heard), given.listens_since)).total_seconds()
        if seconds < self._patience.hush_s or lifecycle.is_silent(document):
            return

        def change(current: InstanceDoc, _: datetime) -> InstanceDoc:
            return current if _heard(current) != heard else lifecycle.silent(current, int(seconds))

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

    def _ask_again(self, document: InstanceDoc, given: Circumstances) -> None:
        """The launch was never published, or its message was lost, or is on its way."""
        if self._is_late(document, None, given):
            return
        last = self._asked_again.get(_key(document), moment(document["status"]["attemptStartedAt"]))
        if given.now - last > timedelta(seconds=self._patience.republish_s):
            self._asked_again[_key(document)] = given.now
            self._publish(document)

    def _publish(self, document: InstanceDoc) -> None:
        message = {
            "kind": document["kind"],
            "instanceId": document["id"],
            "attempt": document["attempt"],
            "commandId": self._ids.new("cmd"),
        }
        self._queue.publish(LAUNCH_TOPIC, message)

    def _await(self, document: InstanceDoc, job: JobState, given: Circumstances) -> None:
        if self._is_late(document, job, given) or job.detail is None:
            return
        stage = job.detail

        def change(current: InstanceDoc, _: datetime) -> InstanceDoc:
            return lifecycle.wait(current, stage)

        if document["status"]["stage"] != stage:
            self._verdicts.apply(document["id"], document["attempt"], change)

    def _is_late(self, document: InstanceDoc, job: JobState | None, given: Circumstances) -> bool:
        """Fails an instance whose launch takes too long, with the platform's reason."""
        if given.now - moment(document["status"]["attemptStartedAt"]) <= timedelta(seconds=given.deadline_s):
            return False
        why = "no job was made for it" if job is None else job.detail or "its job started and said nothing"
        message = f"no runner took it within {given.deadline_s:g} s: {why}"
        self._verdicts.fail(document["id"], document["attempt"], "UNAVAILABLE", message)
        return True


def _key(document: InstanceDoc) -> tuple[str, int]:
    return document["id"], document["attempt"]


def _heard(document: InstanceDoc) -> str:
    return document["status"]["heartbeatAt"] or document["status"]["attemptStartedAt"]


def _last_words(job: JobState | None) -> str:
    if job is None:
        return "its job does not exist any more"
    return job.detail or f"its job has {job.phase.value.lower()} without a word"
