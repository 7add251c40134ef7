"""What the reconciler finds of an instance: its attempt waits, is silent, or is gone, and another follows or none."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from ..documents import Failure, InstanceDoc, Phase
from ..moments import timestamp
from .state import (
    SILENT,
    check_not_final,
    checkpoint_of,
    is_final,
    is_silent,
    new_status,
    pending_restore,
    pending_save,
    with_status,
)

MAX_CRASHES = 3  # in a row, of attempts that begin from the same checkpoint or make no step: then the instance ends


def wait(document: InstanceDoc, stage: str) -> InstanceDoc:
    """Says what an instance that no runner has claimed is waiting for: "pulling the image"."""
    status = document["status"]
    if status["phase"] != "PENDING" or status["claimed"] or status["stage"] == stage:
        return document
    return with_status(document, stage=stage)


def silent(document: InstanceDoc, seconds: int) -> InstanceDoc:
    """Says that a claimed instance, which lives, has not reported for `seconds`, until its next report."""
    if is_final(document) or not document["status"]["claimed"] or is_silent(document):
        return document
    return with_status(document, stage=f"{SILENT}{seconds} s (stopped, or code that holds the interpreter)")


def relaunch(document: InstanceDoc, now: datetime, *, timeline: bool) -> InstanceDoc:
    """Makes the next attempt; with `timeline` the next one starts from an earlier state and steps count anew.

    One that was to go back to a checkpoint starts from that, on the next timeline.
    """
    check_not_final(document)
    back = pending_restore(document)
    timeline = timeline or back is not None
    fresh = new_status(now)
    fresh["stage"] = f"starting again (attempt {document['attempt'] + 1})"
    fresh["startedAt"] = document["status"]["startedAt"]
    fresh["stats"] = document["status"]["stats"]
    fresh["observedGeneration"] = document["status"]["observedGeneration"]
    fresh["logLines"] = document["status"]["logLines"]
    fresh["checkpoint"] = checkpoint_of(document)
    fresh["crashes"] = document["status"].get("crashes", 0)
    fresh["save"] = document["status"].get("save")
    fresh["restore"] = document["status"].get("restore")
    fresh["overrides"] = document["status"].get("overrides") or []
    if back is not None:
        fresh["checkpoint"], fresh["crashes"] = back["point"], 0
        fresh["restore"] = {"id": back["id"], "timeline": document["timeline"] + 1, "failure": None}
    request = pending_save(document)
    if request is not None:
        message = f"the runner of {document['id']} was gone before it had saved; save again once it runs"
        failure = {"code": "UNAVAILABLE", "message": message}
        fresh["save"] = {"id": request["id"], "checkpointId": None, "failure": failure}
    return cast(
        InstanceDoc,
        {
            **document,
            "attempt": document["attempt"] + 1,
            "timeline": document["timeline"] + (1 if timeline else 0),
            "status": fresh,
        },
    )


def recover(document: InstanceDoc, now: datetime, reason: str, *, interrupted: bool = False) -> InstanceDoc:
    """The attempt is gone: the next one starts from the checkpoint, or the instance ends and says why.

    Whoever left when it was asked to (STOPPING) always gets a next attempt; who crashed, at most MAX_CRASHES - 1 times
    in a row from one checkpoint. Without a checkpoint it is LOST, unless it has nothing to lose: it was `interrupted`
    (ended from outside) or left before its first step; then it starts anew, as often as after crashes. What no runner
    has claimed ends as FAILED. An attached script is its user's to start, and what was terminated has ended.
    Who was to go back to a checkpoint starts from that instead.
    """
    if document["desired"]["phase"] == "TERMINATED":
        return finish(document, now)
    point, status = checkpoint_of(document), document["status"]
    if document["origin"] == "ATTACHED":
        return lose(document, now, f"the runner is gone: {reason}")
    if pending_restore(document) is not None:
        return relaunch(document, now, timeline=True)
    if point is None:
        crashes = status.get("crashes", 0) + 1
        if crashes < MAX_CRASHES and _has_nothing_to_lose(document, interrupted=interrupted):
            return with_status(relaunch(document, now, timeline=False), crashes=crashes)
        if not status["claimed"]:
            return fail(document, {"code": "UNAVAILABLE", "message": reason, "traceback": None, "step": None}, now)
        return lose(document, now, f"the runner is gone: {reason}; it left no checkpoint to start again from")
    crashes = status.get("crashes", 0) + (status["phase"] != "STOPPING")
    if crashes >= MAX_CRASHES:
        return lose(
            document,
            now,
            f"the runner is gone: {reason}; {crashes} attempts in a row crashed after starting from the checkpoint of "
            f"step {point['step']:,}, which is kept as {point['object']}",
        )
    return with_status(relaunch(document, now, timeline=True), crashes=crashes)


def lose(document: InstanceDoc, now: datetime, reason: str) -> InstanceDoc:
    """The attempt is gone without a word and none follows."""
    check_not_final(document)
    return _ended(document, "LOST", {"code": "UNAVAILABLE", "message": reason, "traceback": None, "step": None}, now)


def fail(document: InstanceDoc, failure: Failure, now: datetime) -> InstanceDoc:
    check_not_final(document)
    return _ended(document, "FAILED", failure, now)


def finish(document: InstanceDoc, now: datetime) -> InstanceDoc:
    """Ends an instance whose runner is gone after termination was asked."""
    check_not_final(document)
    return with_status(document, phase="TERMINATED", stage=None, liveAddress=None, endedAt=timestamp(now))


def _has_nothing_to_lose(document: InstanceDoc, *, interrupted: bool) -> bool:
    """Whether an attempt was made to leave before it did anything."""
    status = document["status"]
    return status["stats"]["step"] == 0 and (
        status["phase"] == "STOPPING" or (interrupted and status["phase"] in {"PENDING", "STARTING"})
    )


def _ended(document: InstanceDoc, phase: Phase, failure: Failure, now: datetime) -> InstanceDoc:
    return with_status(document, phase=phase, stage=None, liveAddress=None, failure=failure, endedAt=timestamp(now))
