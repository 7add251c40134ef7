"""Launches: an instance or a world comes into being, in one transaction, and a launcher is told.

The transaction writes the row, its places under the limits, the event and what the command answered, so that two
launches past a limit cannot both win and the same command cannot launch twice. The message to the launcher follows;
should it fail, the reconciler finds the row PENDING and sends it again, so the answer is success all the same.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle, limits
from ainimal_zookeeper.domain.access import Principal, Resource, decide
from ainimal_zookeeper.domain.documents import (
    CheckpointDoc,
    Collections,
    ConfigurationDoc,
    Document,
    EnvironmentDoc,
    InstanceDoc,
    Kind,
    LimitDoc,
    ModelDoc,
    Ref,
    ReplayDoc,
    instance_ref,
    ref_of,
)
from ainimal_zookeeper.domain.errors import (
    InvalidInput,
    InvalidTransition,
    NotFound,
    PermissionDenied,
    ZookeeperError,
)
from ainimal_zookeeper.domain.events import event
from ainimal_zookeeper.domain.keywords import keywords
from ainimal_zookeeper.domain.queries import ENVIRONMENT_INSTANCES_BY_ENVIRONMENT, INSTANCES_BY_MODEL
from ainimal_zookeeper.parameters import check_parameters
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Queue
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import idempotency, labels, starting, stored
from .projection import SERVER_ID, resource_of
from .records import CONFIGURATION

_log = logging.getLogger(__name__)

MAX_PARAMETERS_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """What a launch reads besides limits; each None where it is not asked for."""

    configuration: ConfigurationDoc
    model: ModelDoc | None
    environment: EnvironmentDoc | None
    world: InstanceDoc | None
    checkpoint: CheckpointDoc | None
    trainable: bool | None


class Launches:
    """Thread-safe; its functions block."""

    def __init__(self, *, store: DocumentStore, queue: Queue, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._ids = ids

    def instance(self, principal: Principal, input: Mapping[str, Any], replay: ReplayDoc | None = None) -> InstanceDoc:
        """Launches a model. `input` is an `InstanceLaunchInput`. replay: what it is to do once more.

        Raises: PermissionDenied, NotFound, InvalidInput, InvalidTransition, LimitReached; Conflict for a command id
        that somebody else has used or that launched something else; Transient.
        """
        if not decide(principal, "LAUNCH", Resource("server", SERVER_ID)):
            raise PermissionDenied("you may not launch models in this zoo; ask its operator")
        if input.get("environmentId") is not None and input.get("environmentInstanceId") is not None:
            raise InvalidInput(
                "environmentId makes a new world and environmentInstanceId joins one that runs; give one of them",
                ("input", "environmentInstanceId"),
            )
        name = labels.name(input.get("name"))
        tags = labels.tags(input.get("tags"))
        number = 1 + self._store.count(INSTANCES_BY_MODEL.bind(model_id=input["modelId"])) if name is None else 0
        document_id = self._ids.new("ins")
        event_id, warning_id = self._ids.new("evt"), self._ids.new("evt")

        def change(transaction: Transaction) -> InstanceDoc:
            now = self._clock.now()
            transaction.get_many(_ahead(input))
            told = _told(transaction, input, principal, "instance")
            if told is not None:
                return told
            catalogue = _catalogue(transaction, input, principal)
            assert catalogue.model is not None  # noqa: S101  an instance's input names one
            checkpoint = catalogue.checkpoint
            warning = None if checkpoint is None else starting.check_fits(checkpoint, catalogue.model)
            document = self._instance(document_id, principal, input, catalogue, now)
            if checkpoint is not None:
                document = lifecycle.start_from(document, starting.point_of(checkpoint))
            if replay is not None:
                document["origin"], document["replay"] = "REPLAY", replay
                document["desired"]["rate"] = None
            document["name"] = name or f"{catalogue.model['name']} {number}"
            document["tags"] = tags
            document["keywords"] = keywords(document["name"], *tags)
            entered = _enter(transaction, document, catalogue)
            self._write(transaction, document, entered, event_id, input, principal, now)
            if checkpoint is not None:
                starting.keep(transaction, checkpoint)
            if warning is not None:
                later = now + timedelta(microseconds=1)
                happened = event(warning_id, document_id, "WARNING", warning, later, user_id=principal.user_id)
                transaction.put(Ref(Collections.EVENTS, warning_id), cast(Document, happened))
            return document

        return self._publish(self._store.transact(change), input.get("commandId"))

    def environment(self, principal: Principal, input: Mapping[str, Any]) -> InstanceDoc:
        """Launches a world on its own. `input` is an `EnvironmentLaunchInput`. Raises: as `instance`."""
        if not decide(principal, "LAUNCH_ENVIRONMENT", Resource("server", SERVER_ID)):
            raise PermissionDenied("you may not launch environments in this zoo; ask its operator")
        query = ENVIRONMENT_INSTANCES_BY_ENVIRONMENT.bind(environment_id=input["environmentId"])
        number = 1 + self._store.count(query)
        document_id = self._ids.new("env")
        event_id = self._ids.new("evt")

        def change(transaction: Transaction) -> InstanceDoc:
            now = self._clock.now()
            transaction.get_many(_ahead(input))
            told = _told(transaction, input, principal, "environment")
            if told is not None:
                return told
            catalogue = _catalogue(transaction, input, principal)
            environment = cast(EnvironmentDoc, catalogue.environment)
            document = new_row("environment", document_id, principal, now)
            document["name"] = f"{environment['name']} {number}"
            document["keywords"] = keywords(document["name"])
            document["environmentId"], document["environmentName"] = environment["id"], environment["name"]
            document["environmentParametersJson"] = _parameters(environment, input, "parameters")
            document["computeId"] = _compute(catalogue.configuration, input)
            entered = _enter(transaction, document, catalogue)
            self._write(transaction, document, entered, event_id, input, principal, now)
            return document

        return self._publish(self._store.transact(change), input.get("commandId"))

    def _instance(
        self, id: str, principal: Principal, input: Mapping[str, Any], catalogue: _Catalogue, now: datetime
    ) -> InstanceDoc:
        model, environment, world = cast(ModelDoc, catalogue.model), catalogue.environment, catalogue.world
        if model["defect"] is not None:
            raise InvalidInput(f"model {model['name']} cannot be launched: {model['defect']}", ("input", "modelId"))
        document = new_row("instance", id, principal, now)
        document["model"] = ref_of(model)
        given = _with_those_of(catalogue.checkpoint, model, input)
        document["parametersJson"] = _parameters(model, given, "parameters")
        if environment is not None and world is None:
            document["environmentId"] = environment["id"]
            document["environmentParametersJson"] = _parameters(environment, input, "environmentParameters")
        elif input.get("environmentParameters"):
            raise InvalidInput(
                "environmentParameters are for a new world; give environmentId with them, or leave them out",
                ("input", "environmentParameters"),
            )
        if world is not None:
            document["environmentInstanceId"] = world["id"]
        if world is not None:
            document["environmentName"] = world["environmentName"]
        elif environment is not None:
            document["environmentName"] = environment["name"]
        document["seed"] = checked_seed(input.get("seed"))
        document["computeId"] = _compute(catalogue.configuration, input)
        learns = catalogue.trainable is not False and (environment is not None or world is not None)
        mode = input.get("mode") or {"training": learns, "inference": True}
        document["desired"] = {
            "phase": "PAUSED" if input.get("paused") else "RUNNING",
            "mode": {"training": mode["training"], "inference": mode["inference"]},
            "rate": json.loads(model["specJson"]).get("rate"),
            "steps": 0,
            "resets": 0,
            "save": None,
            "restore": None,
        }
        return document

    def _write(
        self,
        transaction: Transaction,
        document: InstanceDoc,
        entered: Sequence[LimitDoc],
        event_id: str,
        input: Mapping[str, Any],
        principal: Principal,
        now: datetime,
    ) -> None:
        transaction.put(instance_ref(document["id"]), cast(Document, document))
        for limit in entered:
            transaction.put(Ref(Collections.LIMITS, limit["id"]), cast(Document, limit))
        point = document["startPoint"]
        text = "launched" if point is None else f"launched from the checkpoint of step {point['step']:,}"
        if "replay" in document:
            text += f", to replay {document['replay']['recordingId']}"
        happened = event(event_id, document["id"], "LAUNCHED", text, now, user_id=principal.user_id)
        transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))
        idempotency.remember(transaction, input, principal, document["id"], now)

    def _publish(self, document: InstanceDoc, command_id: str | None) -> InstanceDoc:
        """Tells the launcher of what waits for one; told twice, the launcher starts it once."""
        if document["status"]["phase"] == "PENDING":
            message = {"kind": document["kind"], "instanceId": document["id"], "attempt": document["attempt"]}
            try:
                self._queue.publish(LAUNCH_TOPIC, {**message, "commandId": command_id})
            except ZookeeperError:
                # The row is what counts: the reconciler publishes again what stays PENDING.
                _log.warning("a launch was not published", exc_info=True, extra={"instance_id": document["id"]})
        return document


def new_row(kind: Kind, id: str, principal: Principal, now: datetime) -> InstanceDoc:
    """Returns a new row to be filled in."""
    return {
        "id": id,
        "kind": kind,
        "name": "",
        "origin": "LAUNCHED",
        "ownerId": principal.user_id,
        "model": None,
        "environmentId": None,
        "environmentName": None,
        "environmentInstanceId": None,
        "parametersJson": "{}",
        "environmentParametersJson": "{}",
        "seed": None,
        "computeId": None,
        "tags": [],
        "notes": None,
        "keywords": [],
        "createdAt": lifecycle.timestamp(now),
        "attempt": 1,
        "timeline": 1,
        "generation": 1,
        "desired": {
            "phase": "RUNNING",
            "mode": {"training": False, "inference": True},
            "rate": None,
            "steps": 0,
            "resets": 0,
            "save": None,
            "restore": None,
        },
        "startPoint": None,
        "status": lifecycle.new_status(now),
    }


def checked_seed(given: int | None) -> int | None:
    """Raises: InvalidInput: generators of chance take no seed below 0."""
    if given is not None and given < 0:
        raise InvalidInput(f"seed is {given}; it must be from 0 to {2**31 - 1}", ("input", "seed"))
    return given


def _ahead(input: Mapping[str, Any]) -> list[Ref]:
    """Returns what a launch reads in any case: together, because in the cloud each round takes its time."""
    command = idempotency.ref_of(input)
    refs = [CONFIGURATION] if command is None else [CONFIGURATION, command]
    if input.get("checkpointId") is not None:
        refs.append(Ref(Collections.CHECKPOINTS, input["checkpointId"]))
    if input.get("modelId") is not None:
        refs += [Ref(kind, input["modelId"]) for kind in (Collections.MODELS, Collections.PROBES)]
        refs.append(Ref(Collections.LIMITS, limits.MODELS))
    if input.get("environmentInstanceId") is not None:
        refs.append(Ref(Collections.ENVIRONMENT_INSTANCES, input["environmentInstanceId"]))
        refs.append(Ref(Collections.LIMITS, limits.of_world(input["environmentInstanceId"])))
    if input.get("environmentId") is not None:
        refs.append(Ref(Collections.ENVIRONMENTS, input["environmentId"]))
        names = (limits.ENVIRONMENTS, limits.of_environment(input["environmentId"]))
        refs += [Ref(Collections.LIMITS, name) for name in names]
    return refs


def _told(transaction: Transaction, input: Mapping[str, Any], principal: Principal, kind: Kind) -> InstanceDoc | None:
    """Returns what the command made when it came before."""
    made = idempotency.made_before(transaction, input, principal, "ins_" if kind == "instance" else "env_")
    if made is None:
        return None
    found = transaction.get(instance_ref(made))
    if found is None:
        command_id = input["commandId"]
        raise NotFound(f"command {command_id} launched {made}, which has been deleted; make a new id to launch again")
    return cast(InstanceDoc, found)


def _catalogue(transaction: Transaction, input: Mapping[str, Any], principal: Principal) -> _Catalogue:
    """Reads what the launch names. Raises: NotFound for what is not there or not to be seen by `principal`."""
    model_id, world_id = input.get("modelId"), input.get("environmentInstanceId")
    configuration = transaction.get(CONFIGURATION)
    if configuration is None:
        raise NotFound("the zoo has no configuration yet; start it with one")
    model = probe = world = environment = None
    if model_id is not None:
        model, probe = transaction.get_many([Ref(Collections.MODELS, model_id), Ref(Collections.PROBES, model_id)])
        if model is None or not decide(principal, "SEE", Resource("model", model_id)):
            raise NotFound(f"there is no model {model_id}; list the models for those on offer")
    if world_id is not None:
        world = transaction.get(Ref(Collections.ENVIRONMENT_INSTANCES, world_id))
        if world is None or not decide(principal, "SEE", resource_of(cast(InstanceDoc, world))):
            raise NotFound(f"there is no environment instance {world_id}; list those that run")
        if lifecycle.is_final(cast(InstanceDoc, world)) or world["desired"]["phase"] == "TERMINATED":
            raise InvalidTransition(f"environment instance {world_id} has ended or is stopping; launch another one")
    environment_id = input.get("environmentId") if world is None else world["environmentId"]
    if environment_id is not None:
        environment = transaction.get(Ref(Collections.ENVIRONMENTS, environment_id))
        hidden = not decide(principal, "SEE", Resource("environment", environment_id))
        if world is None and (environment is None or hidden):
            raise NotFound(f"there is no environment {environment_id}; list the environments for those on offer")
    checkpoint_id = input.get("checkpointId")
    checkpoint = None if checkpoint_id is None else starting.find(transaction, checkpoint_id, principal)
    current = probe is not None and model is not None and probe["revision"] == model["revision"]
    trainable = (
        stored.manifest(probe["manifestJson"], probe["id"]).get("trainable") if current and probe is not None else None
    )
    return _Catalogue(
        cast(ConfigurationDoc, configuration),
        cast("ModelDoc | None", model),
        cast("EnvironmentDoc | None", environment),
        cast("InstanceDoc | None", world),
        checkpoint,
        trainable,
    )


def _enter(transaction: Transaction, document: InstanceDoc, catalogue: _Catalogue) -> list[LimitDoc]:
    """Returns the limits with the new member in each. Raises: LimitReached."""
    environment, world, configuration = catalogue.environment, catalogue.world, catalogue.configuration
    maxima: dict[str, tuple[int | None, str]] = {
        limits.MODELS: (configuration["maxModels"], "instances of models in the zoo"),
        limits.ENVIRONMENTS: (configuration["maxEnvironments"], "environments in the zoo"),
    }
    if environment is not None:
        maxima[limits.of_environment(environment["id"])] = (
            environment["maxInstances"],
            f"environments {environment['name']}",
        )
    if world is not None:
        seats = 1 if environment is None else environment["maxConnected"]
        maxima[limits.of_world(world["id"])] = (seats, f"instances in the world {world['name']}")
    refs = limits.refs(document)
    stored = transaction.get_many(refs)
    return [
        limits.enter(cast(LimitDoc, found or {"id": ref.id, "members": []}), document["id"], *maxima[ref.id])
        for ref, found in zip(refs, stored, strict=True)
    ]


def _with_those_of(checkpoint: CheckpointDoc | None, model: ModelDoc, input: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns an input in which each parameter that is not given is the checkpoint's, where the model still has it."""
    given = {} if input.get("parameters") is None else input["parameters"]
    if checkpoint is None or not isinstance(given, dict):
        return input
    offered = {parameter["name"] for parameter in model["parameters"]}
    saved = json.loads(checkpoint["parametersJson"])
    kept = {name: value for name, value in saved.items() if name in offered}
    return {**input, "parameters": {**kept, **given}}


def _parameters(offered: ModelDoc | EnvironmentDoc, input: Mapping[str, Any], key: str) -> str:
    """Returns checked parameters, as JSON. Raises: InvalidInput."""
    given = input.get(key)
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise InvalidInput(f"{key} must be an object of names and values", ("input", key))
    text = json.dumps(check_parameters(offered["parameters"], given, ("input", key)))
    if len(text) > MAX_PARAMETERS_BYTES:
        raise InvalidInput(
            f"{key} take {len(text)} bytes; at most {MAX_PARAMETERS_BYTES} are stored, keep big values in files",
            ("input", key),
        )
    return text


def _compute(configuration: ConfigurationDoc, input: Mapping[str, Any]) -> str | None:
    """Returns the id of the compute that is asked for, or of the first one."""
    offered = [compute["id"] for compute in configuration["computes"]]
    asked = input.get("computeId")
    if asked is None:
        return offered[0] if offered else None
    if asked not in offered:
        raise NotFound(f"there is no compute provider {asked}; those on offer: {', '.join(offered) or 'none'}")
    return cast(str, asked)
