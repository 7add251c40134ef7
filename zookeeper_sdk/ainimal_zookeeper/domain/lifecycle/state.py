"""The state of an instance: what its document says of where it is, and a new document that says otherwise."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from ..documents import (
    FINAL_PHASES,
    CheckpointPoint,
    ControlDoc,
    Desired,
    InstanceDoc,
    OverrideDoc,
    RecordingRequest,
    RestoreRequest,
    SaveLastRequest,
    SaveRequest,
    Stats,
    Status,
)
from ..errors import InvalidTransition
from ..moments import timestamp

SILENT = "has not reported for "  # how the stage of an instance begins that lives and is silent


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


def wanted_recording(document: InstanceDoc) -> RecordingRequest | None:
    """Returns what the current attempt is to record; an earlier one's recording has ended with it."""
    request = document["desired"].get("recording")
    return None if request is None or is_final(document) or request["attempt"] != document["attempt"] else request


def wanted_last(document: InstanceDoc) -> SaveLastRequest | None:
    """Returns the newest request to the current attempt to keep what it just did."""
    request = document["desired"].get("saveLast")
    return None if request is None or is_final(document) or request["attempt"] != document["attempt"] else request


def control_of(document: InstanceDoc) -> ControlDoc | None:
    """Returns the control lease, which may be past its time; None where nobody drives. Its runner ends it, too."""
    lease, answer = document["desired"].get("control"), document["status"].get("control")
    if lease is None or is_final(document) or (answer is not None and answer["id"] == lease["id"]):
        return None
    return lease


def standing_overrides(document: InstanceDoc) -> list[OverrideDoc]:
    """Returns the rules that stand, in the order in which they are applied."""
    ended = {each["id"] for each in document["status"].get("overrides") or () if each["ended"] is not None}
    asked = document["desired"].get("overrides") or []
    return sorted((each for each in asked if each["id"] not in ended), key=lambda each: each["order"])


def restores_in_place(document: InstanceDoc) -> bool:
    """Whether the process that runs can go back to a checkpoint; if not, the next attempt has to start from it."""
    status = document["status"]
    return status["phase"] in {"RUNNING", "PAUSED"} and bool(status.get("restorable")) and not is_silent(document)


def is_silent(document: InstanceDoc) -> bool:
    """Whether `silent` has been said of it and no report has come since."""
    stage = document["status"]["stage"]
    return stage is not None and stage.startswith(SILENT)


def wanted(document: InstanceDoc) -> Desired:
    """Returns what its runner is to be told: what is desired, less requests that are answered or of another attempt."""
    return {
        **document["desired"],
        "overrides": standing_overrides(document),
        "save": pending_save(document),
        "restore": pending_restore(document),
        "recording": wanted_recording(document),
        "saveLast": wanted_last(document),
        "control": control_of(document),
    }


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


def check_not_final(document: InstanceDoc) -> None:
    if is_final(document):
        raise InvalidTransition(
            f"instance {document['id']} is {document['status']['phase']}; it has ended, launch a new one"
        )


def with_status(document: InstanceDoc, **changes: Any) -> InstanceDoc:
    return cast(InstanceDoc, {**document, "status": {**document["status"], **changes}})
