"""What people ask of an instance; their answers are new documents, on the next generation where that changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from ..documents import (
    CheckpointPoint,
    DesiredPhase,
    InstanceDoc,
    Mode,
    RecordingRequest,
    RestoreAnswer,
    RestoreRequest,
    SaveLastRequest,
    SaveRequest,
)
from ..errors import Conflict, InvalidInput, InvalidTransition
from ..moments import timestamp
from .reconciling import relaunch
from .state import (
    check_not_final,
    control_of,
    is_final,
    pending_restore,
    pending_save,
    restores_in_place,
    wanted_recording,
    with_status,
)

LONGEST_LAST_S = 600.0  # of what it did that can be asked for after the fact


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
    """Lets it run; where it stands still since its driver is silent, by taking the wheel from them."""
    lease = control_of(document)
    halted = document["desired"]["phase"] == "RUNNING" and document["status"]["phase"] == "PAUSED"
    if lease is not None and lease["onSilence"] == "PAUSE" and halted:
        return _ask(document, control=None)
    return _ask_phase(document, "RUNNING")


def terminate(document: InstanceDoc, now: datetime) -> InstanceDoc:
    """Ends at once what no runner has claimed; otherwise the runner gets to stop."""
    asked = _ask_phase(document, "TERMINATED")
    if not asked["status"]["claimed"]:
        return with_status(asked, phase="TERMINATED", stage=None, endedAt=timestamp(now))
    since = asked["status"]["stoppingAt"] or timestamp(now)
    return with_status(asked, phase="STOPPING", stage="stopping", stoppingAt=since)


def set_mode(document: InstanceDoc, mode: Mode) -> InstanceDoc:
    if document["kind"] == "environment":
        raise InvalidTransition(f"environment instance {document['id']} has no mode: it neither learns nor infers")
    if document["origin"] == "ATTACHED":
        raise InvalidTransition(f"instance {document['id']} is a script, which alone decides when it learns and acts")
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
    check_not_final(document)
    phase = document["status"]["phase"]
    if phase not in {"RUNNING", "PAUSED"}:
        raise InvalidTransition(f"instance {document['id']} is {phase}; save it while it is RUNNING or PAUSED")
    _not_busy(document)
    return _ask(document, save=request)


def start_from(document: InstanceDoc, point: CheckpointPoint) -> InstanceDoc:
    """Lets an instance that is being launched start from a checkpoint."""
    return cast(InstanceDoc, {**with_status(document, checkpoint=point), "startPoint": point})


def restore(document: InstanceDoc, request: RestoreRequest, now: datetime) -> InstanceDoc:
    """Lets it go back to a checkpoint: asks its process where that can (`restores_in_place`), else makes the next
    attempt, which starts from it on a new timeline; the one before has no say any more.

    Raises: InvalidTransition, also while its process saves or restores what was asked before.
    """
    if document["kind"] == "environment":
        raise InvalidTransition(f"environment instance {document['id']} has no state of its own to restore")
    check_not_final(document)
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
        document = with_status(document, restore=answer)
    return with_status(relaunch(document, now, timeline=True), checkpoint=request["point"], crashes=0)


def record(document: InstanceDoc, request: RecordingRequest) -> InstanceDoc:
    """Has its attempt recorded until `stop_recording`, or its end. Raises: InvalidTransition while one is recorded."""
    _check_records(document)
    before = wanted_recording(document)
    if before is not None:
        raise InvalidTransition(f"instance {document['id']} is recorded already, as {before['id']}; stop that first")
    return _ask(document, recording=request)


def stop_recording(document: InstanceDoc, recording_id: str) -> InstanceDoc:
    """Lets the recording end; one that has ended stays as it is."""
    before = wanted_recording(document)
    if before is None or before["id"] != recording_id or document["desired"]["phase"] == "TERMINATED":
        return document
    return _ask(document, recording=None)


def save_last(document: InstanceDoc, request: SaveLastRequest) -> InstanceDoc:
    """Has kept what its attempt did in the last seconds, of which it remembers some."""
    if not 0 < request["seconds"] <= LONGEST_LAST_S:
        raise InvalidInput(
            f"seconds is {request['seconds']:g}; it must be above 0 and at most {LONGEST_LAST_S:g}",
            ("input", "seconds"),
        )
    _check_records(document)
    return _ask(document, saveLast=request)


# --- inside ----------------------------------------------------------------------------------------------------------


def _not_busy(document: InstanceDoc) -> None:
    """Raises: InvalidTransition while what was asked before is saved or restored."""
    if pending_save(document) is not None:
        raise InvalidTransition(f"instance {document['id']} is being saved; wait until that is done")
    if pending_restore(document) is not None:
        raise InvalidTransition(f"instance {document['id']} goes back to a checkpoint; wait until that is done")


def _check_records(document: InstanceDoc) -> None:
    """Raises: InvalidTransition where nobody could record it now."""
    if document["kind"] == "environment":
        raise InvalidTransition(f"environment instance {document['id']} is not recorded; record an instance in it")
    check_not_final(document)
    phase = document["status"]["phase"]
    if phase not in {"RUNNING", "PAUSED"}:
        raise InvalidTransition(f"instance {document['id']} is {phase}; record it while it is RUNNING or PAUSED")


def _ask_phase(document: InstanceDoc, phase: DesiredPhase) -> InstanceDoc:
    if document["desired"]["phase"] == "TERMINATED" and not is_final(document):
        if phase == "TERMINATED":
            return document
        raise InvalidTransition(f"instance {document['id']} is stopping; launch a new one")
    return _ask(document, phase=phase)


def _ask(document: InstanceDoc, **changes: Any) -> InstanceDoc:
    check_not_final(document)
    if document["desired"]["phase"] == "TERMINATED":
        raise InvalidTransition(f"instance {document['id']} is stopping; launch a new one")
    desired = {**document["desired"], **changes}
    if desired == document["desired"]:
        return document
    return cast(InstanceDoc, {**document, "desired": desired, "generation": document["generation"] + 1})
