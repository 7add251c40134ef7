"""Projection: what a viewer may see of a document, in the shape of the schema.

Every document passes here before a resolver sees it, so that a resolver cannot return what was never let through. A
document that the viewer may not see is None, exactly as one that is not there. Keys that begin with `_` are no fields:
they hold what a resolver needs to go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.access import Action, Principal, Resource, ServerAction, decide
from ainimal_zookeeper.domain.control import OPERATOR, holder_name
from ainimal_zookeeper.domain.documents import (
    PACKED,
    AnnotationDoc,
    CheckpointDoc,
    ControlDoc,
    Document,
    EnvironmentDoc,
    EventDoc,
    Failure,
    InstanceDoc,
    ModelDoc,
    OverrideAnswer,
    OverrideDoc,
    ParameterDoc,
    RecordingDoc,
    Stats,
)
from ainimal_zookeeper.domain.overrides import terms_of

Shown = dict[str, Any]

# Only what this API can also do is offered.
_SERVER_ACTIONS: tuple[ServerAction, ...] = ("LAUNCH", "LAUNCH_ENVIRONMENT", "CREATE_MODEL")
_INSTANCE_ACTIONS: tuple[Action, ...] = ("SEE", "OBSERVE", "CONTROL", "EDIT", "DELETE")
_WORLD_ACTIONS: tuple[Action, ...] = ("SEE", "OBSERVE", "CONTROL")
_CATALOGUE_ACTIONS: tuple[Action, ...] = ("SEE",)
_CHECKPOINT_ACTIONS: tuple[Action, ...] = ("SEE", "OBSERVE", "CONTROL", "DELETE")
_RECORDING_ACTIONS: tuple[Action, ...] = ("SEE", "OBSERVE", "EDIT", "DELETE")
_ERROR_CODES = frozenset(
    {
        "NOT_FOUND", "ALREADY_EXISTS", "INVALID_INPUT", "INVALID_TRANSITION", "UNAUTHENTICATED", "PERMISSION_DENIED",
        "LIMIT_REACHED", "RATE_LIMITED", "CONFLICT", "CONTROL_HELD", "UNAVAILABLE", "DATA_CORRUPT", "AINIMAL_FAULT",
        "ENV_FAULT",
    }
)  # fmt: skip

SERVER_ID = "server_zoo"


def resource_of(document: InstanceDoc) -> Resource:
    """Returns what access is decided about for a row of `instances` or `environmentInstances`."""
    kind = "instance" if document["kind"] == "instance" else "environmentInstance"
    return Resource(cast(Any, kind), document["id"], document["ownerId"])


def can(principal: Principal, resource: Resource, actions: Sequence[Any]) -> list[str]:
    return [action for action in actions if decide(principal, action, resource)]


def viewer(principal: Principal) -> Shown:
    may = can(principal, Resource("server", SERVER_ID), _SERVER_ACTIONS)
    return {"user": None, "anonymous": principal.anonymous, "can": may}


def instance(found: Document | None, principal: Principal) -> Shown | None:
    """Returns an `Instance` but for what lies in other documents."""
    if found is None:
        return None
    document = cast(InstanceDoc, found)
    may = can(principal, resource_of(document), _INSTANCE_ACTIONS)
    if "SEE" not in may:
        return None
    observes = "OBSERVE" in may
    desired, status, model = document["desired"], document["status"], document["model"]
    return {
        "__typename": "Instance",
        "_document": document,
        "_observes": observes,
        "id": document["id"],
        "name": document["name"],
        "origin": document["origin"],
        "phase": status["phase"],
        "desiredPhase": desired["phase"],
        "stage": status["stage"],
        "mode": desired["mode"],
        "stepsPerSecond": desired["rate"],
        "generation": document["generation"],
        "observedGeneration": status["observedGeneration"],
        "acknowledgedAtStep": _number(status["acknowledgedAtStep"]),
        "attempt": document["attempt"],
        "timeline": document["timeline"],
        "failure": failure(status["failure"], observes=observes),
        "modelName": "" if model is None else model["name"],
        "modelRevision": None if model is None else model["revision"],
        "_parametersJson": document["parametersJson"] if observes else None,
        "seed": _number(document["seed"]),
        "tags": document["tags"],
        "notes": document["notes"],
        "owner": None,
        "cost": None,
        "createdAt": document["createdAt"],
        "startedAt": status["startedAt"],
        "endedAt": status["endedAt"],
        "stats": stats(status["stats"]),
        "previewPaths": status["previewPaths"] if observes else [],
        "trainable": _trainable(document),
        "control": control(lifecycle.control_of(document)) if observes else None,
        "replay": replay(document) if observes else None,
        "viewerCan": may,
    }


def control(lease: ControlDoc | None) -> Shown | None:
    """Returns a `Control`, for whoever may observe its instance."""
    if lease is None:
        return None
    holder = {
        "__typename": "User",
        "id": lease["holderId"] or f"user_{OPERATOR}",
        "name": holder_name(lease),
        "email": None,
        "role": lease["holderRole"],
    }
    named: Shown = {key: lease[key] for key in ("id", "paths", "onSilence", "expiresAt")}
    return {"__typename": "Control", **named, "holder": holder}


def overrides(document: InstanceDoc) -> list[Shown]:
    """Returns the `Override`s that stand, for whoever may observe the instance."""
    answers = {each["id"]: each for each in document["status"].get("overrides") or ()}
    return [override(each, answers.get(each["id"])) for each in lifecycle.standing_overrides(document)]


def override(rule: OverrideDoc, answer: OverrideAnswer | None) -> Shown:
    terms = terms_of(rule)
    patch = terms.patch
    shown: Shown = {key: rule[key] for key in ("id", "order", "path", "rule", "expiresAt", "expiresInSteps", "setAt")}
    shown |= {key: getattr(terms, key) for key in ("value", "low", "high", "weight")}
    return shown | {
        "__typename": "Override",
        "index": None if terms.index is None else list(terms.index),
        "patch": None
        if patch is None
        else {
            "recordingId": patch.recording_id,
            "path": patch.path or rule["path"],
            "fromStep": float(patch.from_step),
        },
        "allowNonFinite": terms.allow_non_finite,
        "appliedAtStep": None if answer is None else _number(answer["appliedAtStep"]),
        "expiresAtStep": None if answer is None else _number(answer["expiresAtStep"]),
        "timeline": None if answer is None else answer["timeline"],
        "author": {
            "__typename": "User",
            "id": rule["authorId"] or f"user_{OPERATOR}",
            "name": rule["authorId"] or OPERATOR,
            "email": None,
            "role": rule["authorRole"],
        },
    }


def replay(document: InstanceDoc) -> Shown | None:
    """Returns a `ReplayReport`, for whoever may observe the instance; None for one that replays nothing."""
    found = document.get("replay")
    if found is None:
        return None
    report = found["report"] or {"comparedSteps": 0, "identical": True, "first": None}
    first = report["first"]
    return {
        "recordingId": found["recordingId"],
        "planes": found["planes"],
        "comparedSteps": float(report["comparedSteps"]),
        "identical": report["identical"],
        "first": None if first is None else {**first, "step": float(first["step"])},
    }


def checkpoint(found: Document | None, principal: Principal) -> Shown | None:
    """Returns a `Checkpoint`: who may observe the instance that it is of may see it, were that gone by now."""
    if found is None:
        return None
    document = cast(CheckpointDoc, found)
    may = can(principal, Resource("instance", document["instanceId"], document["ownerId"]), _CHECKPOINT_ACTIONS)
    if "OBSERVE" not in may:
        return None
    return {
        "__typename": "Checkpoint",
        "id": document["id"],
        "tag": document["tag"],
        "commit": document["commit"],
        "parents": document["parents"],
        "step": float(document["step"]),
        "episode": float(document["episode"]),
        "timeline": document["timeline"],
        "attempt": document["attempt"],
        "createdAt": document["createdAt"],
        "sizeBytes": float(document["sizeBytes"]),
        "needsPickle": document["needsPickle"],
        "kind": document["kind"],
        "kept": document["kept"],
        "instanceId": document["instanceId"],
        "instanceName": document["instanceName"],
        "modelId": document["modelId"],
        "modelName": document["modelName"],
        "modelRevision": document["modelRevision"],
        "_parametersJson": document["parametersJson"],
        "author": None,
        "viewerCan": may,
    }


def recording(found: Document | None, principal: Principal) -> Shown | None:
    """Returns a `Recording` but for its access: who may observe the instance may see it, were that gone by now."""
    if found is None:
        return None
    document = cast(RecordingDoc, found)
    may = can(principal, Resource("instance", document["instanceId"], document["ownerId"]), _RECORDING_ACTIONS)
    if "OBSERVE" not in may:
        return None
    failure = document["failure"]
    return {
        "__typename": "Recording",
        "_document": document,
        "_observes": True,
        "id": document["id"],
        "phase": document["phase"],
        "kind": document["kind"],
        "instanceId": document["instanceId"],
        "instanceName": document["instanceName"],
        "modelId": document["modelId"],
        "attempt": document["attempt"],
        "timeline": document["timeline"],
        "signals": document["signals"],
        "firstStep": float(document["firstStep"]),
        "lastStep": float(document["lastStep"]),
        "firstAt": document["firstAt"],
        "lastAt": document["lastAt"],
        "sizeBytes": float(document["sizeBytes"]),
        "droppedSteps": float(document["droppedSteps"]),
        "createdAt": document["createdAt"],
        "sealedAt": document["sealedAt"],
        "checkpointId": document["checkpointId"],
        "problem": None if failure is None else failure["message"],
        "author": None,
        "viewerCan": may,
    }


def annotation(found: Document) -> Shown:
    """Returns an `Annotation`, for whoever may observe its instance."""
    document = cast(AnnotationDoc, found)
    return {
        "__typename": "Annotation",
        "id": document["id"],
        "step": float(document["step"]),
        "endStep": _number(document["endStep"]),
        "timeline": document["timeline"],
        "text": document["text"],
        "createdAt": document["createdAt"],
        "author": None,
    }


def _trainable(document: InstanceDoc) -> bool | None:
    """Without a world there is nothing to learn from, whatever the model could do elsewhere."""
    if document["environmentId"] is None and document["environmentInstanceId"] is None:
        return False
    return document["status"].get("trainable")


def environment_instance(found: Document | None, principal: Principal) -> Shown | None:
    """Returns an `EnvironmentInstance` but for what lies in other documents."""
    if found is None:
        return None
    document = cast(InstanceDoc, found)
    may = can(principal, resource_of(document), _WORLD_ACTIONS)
    if "SEE" not in may:
        return None
    observes = "OBSERVE" in may
    status = document["status"]
    return {
        "__typename": "EnvironmentInstance",
        "_document": document,
        "_observes": observes,
        "id": document["id"],
        "name": document["name"],
        "phase": status["phase"],
        "stage": status["stage"],
        "_parametersJson": document["environmentParametersJson"] if observes else "{}",
        "createdAt": document["createdAt"],
        "startedAt": status["startedAt"],
        "endedAt": status["endedAt"],
        "stats": stats(status["stats"]),
        "owner": None,
        "failure": failure(status["failure"], observes=observes),
        "viewerCan": may,
    }


def model(found: Document | None, principal: Principal) -> Shown | None:
    """Returns a `Model` but for what a probe has learnt."""
    if found is None:
        return None
    document = cast(ModelDoc, found)
    may = can(principal, Resource("model", document["id"]), _CATALOGUE_ACTIONS)
    if "SEE" not in may:
        return None
    return {
        "__typename": "Model",
        "id": document["id"],
        "name": document["name"],
        "type": document["type"],
        "source": document["source"],
        "revision": document["revision"],
        "description": document["description"],
        "providerId": document["providerId"],
        "parameters": [parameter(each) for each in document["parameters"]],
        "findings": document["findings"],
        "launchable": document["defect"] is None,
        "scan": "WAITING" if document["type"] in PACKED else None,
        "inputs": None,
        "outputs": None,
        "trainable": None,
        "architecture": None,
        "viewerCan": may,
    }


def environment(found: Document | None, principal: Principal) -> Shown | None:
    if found is None:
        return None
    document = cast(EnvironmentDoc, found)
    may = can(principal, Resource("environment", document["id"]), _CATALOGUE_ACTIONS)
    if "SEE" not in may:
        return None
    return {
        "__typename": "Environment",
        "id": document["id"],
        "name": document["name"],
        "type": document["type"],
        "parameters": [parameter(each) for each in document["parameters"]],
        "maxInstances": document["maxInstances"],
        "maxConnected": document["maxConnected"],
        "autostart": document["autostart"],
        "viewerCan": may,
    }


def event(found: Document, principal: Principal) -> Shown | None:
    document = cast(EventDoc, found)
    if not decide(principal, "OBSERVE", Resource("instance", document["resourceId"])):
        return None
    return {
        "__typename": "Event",
        "id": document["id"],
        "at": document["at"],
        "kind": document["kind"],
        "message": document["message"],
        "user": None,
        "resourceId": document["resourceId"],
        "step": _number(document["step"]),
    }


def compute(document: Mapping[str, Any]) -> Shown:
    return {
        "__typename": "Compute",
        "id": document["id"],
        "name": document["name"],
        "kind": document["kind"],
        "accelerators": list(document.get("accelerators") or ()),
    }


def parameter(document: ParameterDoc) -> Shown:
    default, choices = document["defaultJson"], document["choicesJson"]
    return {
        "name": document["name"],
        "type": document["type"],
        "default": None if default is None else json.loads(default),
        "description": document["description"],
        "display": document["display"],
        "minimum": document["minimum"],
        "maximum": document["maximum"],
        "choices": None if choices is None else json.loads(choices),
        "required": document["required"],
    }


def stats(document: Stats) -> Shown:
    return {
        "step": float(document["step"]),
        "episode": float(document["episode"]),
        "stepsPerSecond": document["stepsPerSecond"],
        "episodeReturn": document["episodeReturn"],
        "loss": document["loss"],
        "updatedAt": document["updatedAt"],
    }


def failure(document: Failure | None, *, observes: bool) -> Shown | None:
    if document is None:
        return None
    return {
        "code": document["code"] if document["code"] in _ERROR_CODES else "UNAVAILABLE",
        "message": document["message"],
        "traceback": document["traceback"] if observes else None,
        "step": _number(document["step"]),
    }


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
