"""What runners say of the instance that they run, and who of them is heard."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict, cast

from ..documents import (
    FINAL_PHASES,
    CheckpointPoint,
    ControlAnswer,
    Failure,
    InstanceDoc,
    ModelRef,
    OverrideAnswer,
    Phase,
    ReplayReport,
    RestoreAnswer,
    SaveAnswer,
    Stats,
    run_prefix,
)
from ..errors import Conflict, InvalidInput
from ..moments import timestamp
from ..replays import with_report
from .overriding import overrides_after
from .state import is_final, is_silent, pending_restore, pending_save, with_status

RUNNER_PHASES: frozenset[str] = frozenset({"STARTING", "RUNNING", "PAUSED", "STOPPING", "TERMINATED", "FAILED"})


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
    overrides: list[OverrideAnswer]  # of all rules that stand in its process, or have ended there
    control: ControlAnswer  # of the lease that ended last in this process
    replay: ReplayReport
    checkpoint: CheckpointPoint


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
    return with_status(
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
    if "replay" in changes:
        document = with_report(document, changes.pop("replay"))
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
    if "overrides" in changes:
        changes["overrides"] = overrides_after(document, said["overrides"])
    lease = document["desired"].get("control")
    if "control" in changes and (lease is None or changes["control"]["id"] != lease["id"]):
        del changes["control"]  # of a lease that has ended otherwise
    if phase in FINAL_PHASES:
        changes.update(endedAt=at, stage=None, liveAddress=None)
    elif document["desired"]["phase"] == "TERMINATED":
        changes["phase"] = "STOPPING"
    observed = int(changes.get("observedGeneration", 0))
    changes["observedGeneration"] = min(max(document["status"]["observedGeneration"], observed), document["generation"])
    return with_status(document, **changes)


def saved(document: InstanceDoc, answer: SaveAnswer) -> InstanceDoc:
    """Answers the request to save; what answers none that waits changes nothing."""
    request = pending_save(document)
    return document if request is None or request["id"] != answer["id"] else with_status(document, save=answer)


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
        return with_status(document, restore=answer)
    timeline = document["timeline"] + 1
    if answer["timeline"] != timeline:
        message = f"the next timeline of {document['id']} is {timeline}, not {answer['timeline']}"
        raise InvalidInput(message, ("restored", "timeline"))
    after = with_status(document, restore=answer, checkpoint=request["point"], crashes=0)
    return cast(InstanceDoc, {**after, "timeline": timeline})


def received(document: InstanceDoc, sequence: int, log_lines: int) -> InstanceDoc:
    """Notes that report `sequence` has been taken in, with `log_lines` console lines."""
    status = document["status"]
    return with_status(document, lastSequence=sequence, logLines=status["logLines"] + log_lines)


def _fence(document: InstanceDoc, attempt: int) -> None:
    if attempt != document["attempt"]:
        raise Conflict(
            f"instance {document['id']} is at attempt {document['attempt']}; attempt {attempt} has no say any more"
        )
    if is_final(document):
        raise Conflict(f"instance {document['id']} is {document['status']['phase']}; attempt {attempt} must end")
