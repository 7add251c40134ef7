"""The life of an instance as a pure state machine: (document, what happens) -> new document.

Nothing here knows a store, a clock or a runner. Who calls what, each inside one transaction:

    API          created, pause, resume, terminate, set_mode, set_rate, grant_steps, reset_episode, save, start_from,
                 restore
    runner link  claim, report, received, saved, restored
    launcher     fail
    reconciler   wait, silent, recover, relaunch, lose, fail, finish

Invariants, held by property tests:
    - a final phase (TERMINATED, FAILED, LOST) is never left;
    - attempt, timeline, generation, steps and resets never shrink, and observedGeneration <= generation;
    - only the current attempt's claim and reports have an effect (fencing): others raise Conflict;
    - a checkpoint is only ever replaced by a newer one, or by one that is restored, and at most MAX_CRASHES attempts in
      a row crash after starting from the same, or are interrupted before their first step;
    - a request to save is answered once, by the attempt of which it was asked, and none comes before that answer;
    - a request to restore is answered once, by that attempt, or by the next one, which starts from what was asked for;
      meanwhile nothing is saved on request;
    - a timeline begins where a state is put back: in the process that runs, or with the next attempt;
    - documents given in are never changed; every function returns a new one.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, TypedDict, cast

from .documents import (
    FINAL_PHASES,
    CheckpointPoint,
    Desired,
    DesiredPhase,
    Failure,
    InstanceDoc,
    Mode,
    ModelRef,
    Phase,
    RestoreAnswer,
    RestoreRequest,
    SaveAnswer,
    SaveRequest,
    Stats,
    Status,
    run_prefix,
)
from .errors import Conflict, InvalidInput, InvalidTransition

RUNNER_PHASES: frozenset[str] = frozenset({"STARTING", "RUNNING", "PAUSED", "STOPPING", "TERMINATED", "FAILED"})
MAX_CRASHES = 3  # in a row, of attempts that begin from the same checkpoint or make no step: then the instance ends

_SILENT = "has not reported for "


class Report(TypedDict, total=False):
    """What a runner says of itself; absent keys leave what was said before.

    timeline: the one that its steps are of; those of another than the instance's are left out.
    """

    timeline: int
    phase: Phase
    stage: str | None
    observedGeneration: int
    acknowledgedAtStep: int | None
    liveAddress: str | None
    failure: Failure | None
    stats: Stats
    previewPaths: list[str]
    trainable: bool
    restorable: bool
    checkpoint: CheckpointPoint


def timestamp(moment: datetime) -> str:
    """Returns `moment` as the store writes it: RFC 3339, UTC, microseconds, `Z`."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """Reads what `timestamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def is_final(document: InstanceDoc) -> bool:
    return document["status"]["phase"] in FINAL_PHASES


def checkpoint_of(document: InstanceDoc) -> CheckpointPoint | None:
    """Returns what the next attempt would start from; None also in documents older than checkpoints."""
    return document["status"].get("checkpoint")


def pending_save(document: InstanceDoc) -> SaveRequest | None:
    """Returns the request to save that waits for its answer. One of an instance that has ended waits no more."""
    request, answer = document["desired"].get("save"), document["status"].get("save")
    if request is None or is_final(document) or (answer is not None and answer["id"] == request["id"]):
        return None
    return request


def pending_restore(document: InstanceDoc) -> RestoreRequest | None:
    """Returns the request to restore that waits for its answer. One of an instance that has ended waits no more."""
    request, answer = document["desired"].get("restore"), document["status"].get("restore")
    if request is None or is_final(document) or (answer is not None and answer["id"] == request["id"]):
        return None
    return request


def restores_in_place(document: InstanceDoc) -> bool:
    """Whether the process that runs can go back to a checkpoint; if not, the next attempt has to start from it."""
    status = document["status"]
    return status["phase"] in {"RUNNING", "PAUSED"} and bool(status.get("restorable")) and not is_silent(document)


def wanted(document: InstanceDoc) -> Desired:
    """Returns what its runner is to be told: what is desired, less the requests that have their answers."""
    return {**document["desired"], "save": pending_save(document), "restore": pending_restore(document)}


def no_stats() -> Stats:
    return {"step": 0, "episode": 0, "stepsPerSecond": 0.0, "episodeReturn": None, "loss": None, "updatedAt": None}


def new_status(now: datetime) -> Status:
    """The status of an instance that was just asked for."""
    return {
        "phase": "PENDING",
        "stage": "waiting for a runner",
        "observedGeneration": 0,
        "acknowledgedAtStep": None,
        "startedAt": None,
        "endedAt": None,
        "attemptStartedAt": timestamp(now),
        "stoppingAt": None,
        "claimed": False,
        "claimedBy": None,
        "heartbeatAt": None,
        "liveAddress": None,
        "failure": None,
        "stats": no_stats(),
        "previewPaths": [],
        "trainable": None,
        "lastSequence": 0,
        "logLines": 0,
        "checkpoint": None,
        "save": None,
        "restore": None,
        "restorable": False,
        "crashes": 0,
    }


# --- what people ask -------------------------------------------------------------------------------------------------


def check_generation(document: InstanceDoc, expected: int | None) -> None:
    """Raises: Conflict when `expected` is given and the instance has moved on."""
    if expected is not None and expected != document["generation"]:
        raise Conflict(
            f"instance {document['id']} is at generation {document['generation']}, not {expected}; "
            "read it again and decide anew"
        )


def pause(document: InstanceDoc) -> InstanceDoc:
    return _ask_phase(document, "PAUSED")


def resume(document: InstanceDoc) -> InstanceDoc:
    return _ask_phase(document, "RUNNING")


def terminate(document: InstanceDoc, now: datetime) -> InstanceDoc:
    """Ends at once what no runner has claimed; otherwise the runner gets to stop."""
    asked = _ask_phase(document, "TERMINATED")
    if not asked["status"]["claimed"]:
        return _with_status(asked, phase="TERMINATED", stage=None, endedAt=timestamp(now))
    since = asked["status"]["stoppingAt"] or timestamp(now)
    return _with_status(asked, phase="STOPPING", stage="stopping", stoppingAt=since)


def set_mode(document: InstanceDoc, mode: Mode) -> InstanceDoc:
    if document["kind"] == "environment":
        raise InvalidTransition(f"environment instance {document['id']} has no mode: it neither learns nor infers")
    return _ask(document, mode=mode)


def set_rate(document: InstanceDoc, steps_per_second: float | None) -> InstanceDoc:
    """`steps_per_second` in (0, 1e6]; None: as fast as it goes."""
    if steps_per_second is not None and not 0 < steps_per_second <= 1e6:
        raise InvalidInput(
            f"stepsPerSecond is {steps_per_second}; it must be above 0 and at most 1000000, or null for no limit",
            ("input", "stepsPerSecond"),
        )
    return _ask(document, rate=steps_per_second)


def grant_steps(document: InstanceDoc, count: int) -> InstanceDoc:
    """Lets a paused instance make exactly `count` more steps. Raises: InvalidTransition unless pause was asked."""
    if not 1 <= count <= 1_000_000:
        raise InvalidInput(f"count is {count}; it must be from 1 to 1000000", ("input", "count"))
    if document["desired"]["phase"] != "PAUSED":
        raise InvalidTransition(f"instance {document['id']} is not paused; pause it to make single steps")
    return _ask(document, steps=document["desired"]["steps"] + count)


def reset_episode(document: InstanceDoc) -> InstanceDoc:
    return _ask(document, resets=document["desired"]["resets"] + 1)


def save(document: InstanceDoc, request: SaveRequest) -> InstanceDoc:
    """Asks for a checkpoint; it goes on, or stays paused. Raises: InvalidTransition while another is being saved."""
    if document["kind"] == "environment":
        raise InvalidTransition(f"environment instance {document['id']} has no state of its own to save")
    _not_final(document)
    phase = document["status"]["phase"]
    if phase not in {"RUNNING", "PAUSED"}:
        raise InvalidTransition(f"instance {document['id']} is {phase}; save it while it is RUNNING or PAUSED")
    _not_busy(document)
    return _ask(document, save=request)


def start_from(document: InstanceDoc, point: CheckpointPoint) -> InstanceDoc:
    """Lets an instance that is being launched start from a checkpoint."""
    return cast(InstanceDoc, {**_with_status(document, checkpoint=point), "startPoint": point})


def restore(document: InstanceDoc, request: RestoreRequest, now: datetime) -> InstanceDoc:
    """Lets it go back to a checkpoint: asks its process where that can (`restores_in_place`), else makes the next
    attempt, which starts from it on a new timeline; the one before has no say any more.

    Raises: InvalidTransition, also while its process saves or restores what was asked before.
    """
    if document["kind"] == "environment":
        raise InvalidTransition(f"environment instance {document['id']} has no state of its own to restore")
    _not_final(document)
    if document["desired"]["phase"] == "TERMINATED":
        raise InvalidTransition(f"instance {document['id']} is stopping; launch a new one")
    if restores_in_place(document):
        _not_busy(document)
        return _ask(document, restore=request)
    if document["origin"] == "ATTACHED":
        raise InvalidTransition(f"instance {document['id']} is a script's of its user, who alone can start it again")
    given_up = pending_restore(document)
    if given_up is not None:
        message = f"instance {document['id']} was asked to go back to {request['tag']} before it had done this"
        answer: RestoreAnswer = {
            "id": given_up["id"],
            "timeline": None,
            "failure": {"code": InvalidTransition.code, "message": message},
        }
        document = _with_status(document, restore=answer)
    return _with_status(relaunch(document, now, timeline=True), checkpoint=request["point"], crashes=0)


# --- what runners say ------------------------------------------------------------------------------------------------


def claim(
    document: InstanceDoc, attempt: int, now: datetime, runner: str | None = None, model: ModelRef | None = None
) -> InstanceDoc:
    """A runner of `attempt` takes the instance. The same `runner` may claim twice, which changes nothing.

    model: as it is on offer now, which is what the attempt loads, whatever was launched.

    Raises: Conflict for another attempt than the current one (fencing), after the claim of another runner of the same
    attempt, or when the instance has ended.
    """
    _fence(document, attempt)
    if document["status"]["claimed"]:
        if document["status"].get("claimedBy") != runner:
            raise Conflict(
                f"instance {document['id']}: another runner has claimed attempt {attempt}; this one must end"
            )
        return document
    at = timestamp(now)
    loading = document if model is None else cast(InstanceDoc, {**document, "model": model})
    return _with_status(
        loading,
        phase="STARTING",
        stage="starting",
        claimed=True,
        claimedBy=runner,
        startedAt=document["status"]["startedAt"] or at,
        heartbeatAt=at,
    )


def report(document: InstanceDoc, attempt: int, said: Report, now: datetime) -> InstanceDoc:
    """A runner of `attempt` says how it is.

    Where it has been on two timelines since the report before, `restored` comes first. Raises: Conflict as `claim`;
    InvalidInput for a phase not a runner's, and for a checkpoint of another attempt.
    """
    _fence(document, attempt)
    if not document["status"]["claimed"]:
        raise Conflict(f"instance {document['id']}: attempt {attempt} reports before it has claimed")
    unknown = sorted(set(said) - set(Report.__annotations__))
    if unknown:
        raise InvalidInput(f"a report has no {', '.join(map(repr, unknown))}", (unknown[0],))
    changes: dict[str, Any] = dict(said)
    if changes.pop("timeline", document["timeline"]) != document["timeline"]:
        for of_its_steps in ("stats", "acknowledgedAtStep"):
            changes.pop(of_its_steps, None)
    at = timestamp(now)
    changes["heartbeatAt"] = at
    if is_silent(document):
        changes.setdefault("stage", None)
    phase = changes.get("phase", document["status"]["phase"])
    if "phase" in changes and phase not in RUNNER_PHASES:
        raise InvalidInput(f"a runner cannot report the phase {phase!r}", ("phase",))
    if "checkpoint" in changes:
        prefix = run_prefix(document["id"], attempt)
        if not said["checkpoint"]["object"].startswith(prefix):
            raise InvalidInput(f"a checkpoint of attempt {attempt} must lie under {prefix}", ("checkpoint", "object"))
        changes["crashes"] = 0
    if phase in FINAL_PHASES:
        changes.update(endedAt=at, stage=None, liveAddress=None)
    elif document["desired"]["phase"] == "TERMINATED":
        changes["phase"] = "STOPPING"
    observed = int(changes.get("observedGeneration", 0))
    changes["observedGeneration"] = min(max(document["status"]["observedGeneration"], observed), document["generation"])
    return _with_status(document, **changes)


def saved(document: InstanceDoc, answer: SaveAnswer) -> InstanceDoc:
    """Answers the request to save; what answers none that waits changes nothing."""
    request = pending_save(document)
    return document if request is None or request["id"] != answer["id"] else _with_status(document, save=answer)


def restored(document: InstanceDoc, attempt: int, answer: RestoreAnswer) -> InstanceDoc:
    """Answers the request to restore; what answers none that waits changes nothing.

    Without a failure the next timeline begins, with the checkpoint that was asked for. Raises: Conflict as `claim`;
    InvalidInput when the runner has begun another timeline than the next.
    """
    _fence(document, attempt)
    request = pending_restore(document)
    if request is None or request["id"] != answer["id"]:
        return document
    if answer["failure"] is not None:
        return _with_status(document, restore=answer)
    timeline = document["timeline"] + 1
    if answer["timeline"] != timeline:
        message = f"the next timeline of {document['id']} is {timeline}, not {answer['timeline']}"
        raise InvalidInput(message, ("restored", "timeline"))
    after = _with_status(document, restore=answer, checkpoint=request["point"], crashes=0)
    return cast(InstanceDoc, {**after, "timeline": timeline})


def received(document: InstanceDoc, sequence: int, log_lines: int) -> InstanceDoc:
    """Notes that report `sequence` has been taken in, with `log_lines` console lines."""
    status = document["status"]
    return _with_status(document, lastSequence=sequence, logLines=status["logLines"] + log_lines)


# --- what the reconciler finds ---------------------------------------------------------------------------------------


def wait(document: InstanceDoc, stage: str) -> InstanceDoc:
    """Says what an instance that no runner has claimed is waiting for: "pulling the image"."""
    status = document["status"]
    if status["phase"] != "PENDING" or status["claimed"] or status["stage"] == stage:
        return document
    return _with_status(document, stage=stage)


def is_silent(document: InstanceDoc) -> bool:
    """Whether `silent` has been said of it and no report has come since."""
    stage = document["status"]["stage"]
    return stage is not None and stage.startswith(_SILENT)


def silent(document: InstanceDoc, seconds: int) -> InstanceDoc:
    """Says that a claimed instance, which lives, has not reported for `seconds`, until its next report."""
    if is_final(document) or not document["status"]["claimed"] or is_silent(document):
        return document
    return _with_status(document, stage=f"{_SILENT}{seconds} s (stopped, or code that holds the interpreter)")


def relaunch(document: InstanceDoc, now: datetime, *, timeline: bool) -> InstanceDoc:
    """Makes the next attempt; with `timeline` the next one starts from an earlier state and steps count anew.

    One that was to go back to a checkpoint starts from that, on the next timeline.
    """
    _not_final(document)
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
            return _with_status(relaunch(document, now, timeline=False), crashes=crashes)
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
    return _with_status(relaunch(document, now, timeline=True), crashes=crashes)


def lose(document: InstanceDoc, now: datetime, reason: str) -> InstanceDoc:
    """The attempt is gone without a word and none follows."""
    _not_final(document)
    return _ended(document, "LOST", {"code": "UNAVAILABLE", "message": reason, "traceback": None, "step": None}, now)


def fail(document: InstanceDoc, failure: Failure, now: datetime) -> InstanceDoc:
    _not_final(document)
    return _ended(document, "FAILED", failure, now)


def finish(document: InstanceDoc, now: datetime) -> InstanceDoc:
    """Ends an instance whose runner is gone after termination was asked."""
    _not_final(document)
    return _with_status(document, phase="TERMINATED", stage=None, liveAddress=None, endedAt=timestamp(now))


# --- inside ----------------------------------------------------------------------------------------------------------


def _not_final(document: InstanceDoc) -> None:
    if is_final(document):
        raise InvalidTransition(
            f"instance {document['id']} is {document['status']['phase']}; it has ended, launch a new one"
        )


def _not_busy(document: InstanceDoc) -> None:
    """Raises: InvalidTransition while what was asked before is saved or restored."""
    if pending_save(document) is not None:
        raise InvalidTransition(f"instance {document['id']} is being saved; wait until that is done")
    if pending_restore(document) is not None:
        raise InvalidTransition(f"instance {document['id']} goes back to a checkpoint; wait until that is done")


def _has_nothing_to_lose(document: InstanceDoc, *, interrupted: bool) -> bool:
    """Whether an attempt was made to leave before it did anything."""
    status = document["status"]
    return status["stats"]["step"] == 0 and (
        status["phase"] == "STOPPING" or (interrupted and status["phase"] in {"PENDING", "STARTING"})
    )


def _fence(document: InstanceDoc, attempt: int) -> None:
    if attempt != document["attempt"]:
        raise Conflict(
            f"instance {document['id']} is at attempt {document['attempt']}; attempt {attempt} has no say any more"
        )
    if is_final(document):
        raise Conflict(f"instance {document['id']} is {document['status']['phase']}; attempt {attempt} must end")


def _ask_phase(document: InstanceDoc, phase: DesiredPhase) -> InstanceDoc:
    if document["desired"]["phase"] == "TERMINATED" and not is_final(document):
        if phase == "TERMINATED":
            return document
        raise InvalidTransition(f"instance {document['id']} is stopping; launch a new one")
    return _ask(document, phase=phase)


def _ask(document: InstanceDoc, **changes: Any) -> InstanceDoc:
    _not_final(document)
    if document["desired"]["phase"] == "TERMINATED":
        raise InvalidTransition(f"instance {document['id']} is stopping; launch a new one")
    desired = {**document["desired"], **changes}
    if desired == document["desired"]:
        return document
    return cast(InstanceDoc, {**document, "desired": desired, "generation": document["generation"] + 1})


def _with_status(document: InstanceDoc, **changes: Any) -> InstanceDoc:
    return cast(InstanceDoc, {**document, "status": {**document["status"], **changes}})


def _ended(document: InstanceDoc, phase: Phase, failure: Failure, now: datetime) -> InstanceDoc:
    return _with_status(document, phase=phase, stage=None, liveAddress=None, failure=failure, endedAt=timestamp(now))
