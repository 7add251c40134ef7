"""Replays: which planes of a recording drive, and what that asks of a launch.

A replay starts from the recording's checkpoint and makes its steps once more, with the rules that stood and what was
driven. What a plane holds is taken from the recording, and the rest is computed and compared:

    INPUTS       recorded inputs take the place of the environment, which does not step
    OUTPUTS      the environment gets the recorded actions, whatever the model makes of what it sees
    ACTIVATIONS  recorded activations take the place of those within forward
    WEIGHTS      recorded weights are written into the model at their steps

Without INPUTS an environment steps, so without any plane everything is computed anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast, get_args

from .documents import InstanceDoc, Plane, RecordingDoc, ReplayDoc, ReplayReport
from .errors import InvalidInput, InvalidTransition

PLANES: Final[tuple[Plane, ...]] = get_args(Plane)


def planes_of(given: Sequence[str] | None, *, has_environment: bool) -> list[Plane]:
    """Returns the planes that are asked for, in order, each once.

    Without any said, recorded inputs drive, or recorded actions where an environment is named. Raises: InvalidInput.
    """
    if given is None:
        return ["OUTPUTS"] if has_environment else ["INPUTS"]
    unknown = [plane for plane in given if plane not in PLANES]
    if unknown:
        raise InvalidInput(f"{unknown[0]!r} is no plane; choose of {', '.join(PLANES)}", ("input", "planes"))
    if "INPUTS" in given and has_environment:
        raise InvalidInput(
            "with the plane INPUTS the recording stands for the environment; leave environmentId out, or INPUTS",
            ("input", "environmentId"),
        )
    if "INPUTS" in given and "OUTPUTS" in given:
        raise InvalidInput(
            "with INPUTS and OUTPUTS both recorded there is nothing to compute; leave one of them out",
            ("input", "planes"),
        )
    return [plane for plane in PLANES if plane in given]


def replay_of(recording: RecordingDoc, source: InstanceDoc, input: Mapping[str, Any]) -> ReplayDoc:
    """Returns what an instance is to replay. `input` is a `RecordingReplayInput`.

    source: what was recorded. Raises: InvalidInput; InvalidTransition while it is still recorded.
    """
    name = recording["id"]
    if recording["phase"] == "OPEN":
        raise InvalidTransition(f"recording {name} is still open; stop it, then replay it")
    if source["origin"] == "ATTACHED":
        raise InvalidInput(f"recording {name} is of a script of its user, which no runner runs; read or export it")
    if recording["modelId"] is None:
        raise InvalidInput(f"recording {name} is of no model of this zoo: there is nothing to run once more")
    if not recording["sizeBytes"] or recording["lastStep"] < recording["firstStep"]:
        raise InvalidInput(f"recording {name} holds no steps; record it again")
    planes = planes_of(input.get("planes"), has_environment=input.get("environmentId") is not None)
    environment = None if "INPUTS" in planes else input.get("environmentId") or source["environmentId"]
    if environment is None and "INPUTS" not in planes:
        raise InvalidInput(
            f"recording {name} is of an instance without an environment of its own; name one by environmentId, or let "
            "INPUTS drive",
            ("input", "environmentId"),
        )
    first, last = _step(input, "fromStep"), _step(input, "toStep")
    for key, step in (("fromStep", first), ("toStep", last)):
        if step is not None and not recording["firstStep"] <= step <= recording["lastStep"]:
            raise InvalidInput(
                f"{key} is {step}; recording {name} holds {recording['firstStep']} to {recording['lastStep']}",
                ("input", key),
            )
    if first is not None and last is not None and last < first:
        raise InvalidInput(f"toStep is {last}, before fromStep, {first}", ("input", "toStep"))
    return {
        "recordingId": name,
        "planes": planes,
        "environmentId": environment,
        "fromStep": first,
        "toStep": last,
        "report": None,
    }


def with_report(document: InstanceDoc, report: ReplayReport) -> InstanceDoc:
    """Notes how far a replay has come. Raises: InvalidInput for an instance that replays nothing."""
    replay = document.get("replay")
    if replay is None:
        raise InvalidInput(f"instance {document['id']} replays nothing", ("report", "replay"))
    return cast(InstanceDoc, {**document, "replay": {**replay, "report": report}})


def _step(input: Mapping[str, Any], name: str) -> int | None:
    given = input.get(name)
    if given is None:
        return None
    if given != int(given):
        raise InvalidInput(f"{name} is {given}; steps are whole numbers", ("input", name))
    return int(given)
