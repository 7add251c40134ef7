"""Claim: a runner takes its instance and learns what to run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from ainimal_zookeeper.domain import ending, events, lifecycle, limits
from ainimal_zookeeper.domain.documents import (
    CheckpointPoint,
    Collections,
    Document,
    Failure,
    InstanceDoc,
    ModelDoc,
    Ref,
    instance_ref,
    ref_of,
)
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, NotFound
from ainimal_zookeeper.domain.references import variables_in
from ainimal_zookeeper.domain.tokens import attempt_token, seat_token
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.secrets import Secrets
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import replays
from .requests import PROTOCOL, Caller

_FILE_S = 3600.0  # for a model's file to be fetched, also on a slow line


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """What every runner of a profile is told; names as in the protocol, all in seconds."""

    pollSeconds: float = 5  # noqa: N815  between two questions for the desired state
    reportSeconds: float = 10  # noqa: N815  between two reports of statistics
    logSeconds: float = 0.25  # noqa: N815  between two reports of nothing but console lines
    graceSeconds: float = 5  # noqa: N815  to save and leave when asked to
    hangSeconds: float = 30  # noqa: N815  without a step until people are told
    orphanSeconds: float = 60  # noqa: N815  without an answer of the zoo until the runner leaves


@dataclass(frozen=True, slots=True)
class _Unrunnable:
    """Why an instance can never run."""

    message: str


class Claims:
    """Claims and the questions that follow them. Thread-safe."""

    def __init__(
        self,
        *,
        store: DocumentStore,
        bucket: Bucket,
        clock: Clock,
        secret: bytes,
        secrets: Secrets,
        settings: RunnerSettings,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._clock = clock
        self._secret = secret
        self._secrets = secrets
        self._settings = settings

    def claim(self, caller: Caller, runner: str | None = None) -> dict[str, Any]:
        """Returns the launch of docs/protocols.md. The same `runner` may claim again and gets the same.

        Raises: Conflict when the runner has no say: another attempt is current, another runner has claimed this one, or
        the instance has ended or must.
        """
        now = self._clock.now()

        def change(transaction: Transaction) -> tuple[dict[str, Any], CheckpointPoint | None] | str:
            document = _instance(transaction.get(instance_ref(caller.instance_id)), caller)
            found = _found(transaction, document)
            model = None if found[0] is None else ref_of(cast(ModelDoc, found[0]))
            claimed = lifecycle.claim(document, caller.attempt, now, runner, model)
            if document["desired"]["phase"] == "TERMINATED":
                _end(transaction, lifecycle.finish(document, now), now)
                return f"instance {caller.instance_id} was terminated before it started"
            launch = self._launch(claimed, *found)
            if not isinstance(launch, _Unrunnable):
                launch = _with_replay(launch, transaction, document)
            if isinstance(launch, _Unrunnable):
                _end(transaction, _failed(document, launch, now), now)
                return launch.message
            if claimed is not document:
                transaction.put(instance_ref(caller.instance_id), cast(Document, claimed))
                event_id = f"evt_{caller.instance_id}-{caller.attempt}-claim"
                text = f"a runner has started attempt {caller.attempt}"
                happened = events.event(event_id, caller.instance_id, "CLAIMED", text, now)
                transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))
            return launch, lifecycle.checkpoint_of(document)

        granted = self._store.transact(change)
        if isinstance(granted, str):
            raise Conflict(granted)
        launch, point = granted
        if (file := (launch["model"] or {}).get("file")) is not None:
            signed = self._bucket.sign_get(file.pop("object"), _FILE_S)
            file |= {"url": signed.url, "headers": dict(signed.headers)}
        if "replay" in launch:
            launch["replay"] = replays.with_links(launch["replay"], self._bucket)
        return {**launch, "checkpoint": None if point is None else self._readable(point)}

    def desired(self, caller: Caller) -> dict[str, Any]:
        """Returns what the instance should do, and the world that it joins. Raises: Conflict as `claim`."""
        document = _instance(self._store.get(instance_ref(caller.instance_id)), caller)
        check_current(document, caller)
        answer: dict[str, Any] = {"desired": lifecycle.wanted(document), "generation": document["generation"]}
        world_id = document["environmentInstanceId"]
        if world_id is None:
            return answer
        world = self._world(document, self._store.get(instance_ref(world_id)))
        if not isinstance(world, _Unrunnable):
            answer["world"] = world
        elif document["status"]["phase"] == "STARTING":
            self._fail(caller, world)
            raise Conflict(world.message)
        return answer

    def checkpoint(self, caller: Caller, restore_id: str) -> dict[str, Any]:
        """Returns what it takes to go back as the request asks, and the timeline that begins with it.

        Raises: InvalidInput for another request than the one that waits; Conflict as `claim`.
        """
        document = _instance(self._store.get(instance_ref(caller.instance_id)), caller)
        check_current(document, caller)
        request = lifecycle.pending_restore(document)
        if request is None or request["id"] != restore_id:
            raise InvalidInput(
                f"instance {caller.instance_id} is not asked for {restore_id}; ask what is desired", ("id",)
            )
        return {**self._readable(request["point"]), "timeline": document["timeline"] + 1}

    def _readable(self, point: CheckpointPoint) -> dict[str, Any]:
        """Returns what a runner needs to start from a checkpoint."""
        signed = self._bucket.sign_get(point["object"])
        facts = {key: point[key] for key in ("sha256", "sizeBytes", "step", "episode")}
        return {"url": signed.url, "headers": dict(signed.headers), **facts}

    def _launch(
        self,
        document: InstanceDoc,
        model: Document | None,
        environment: Document | None,
        world: Document | None,
    ) -> dict[str, Any] | _Unrunnable:
        if document["model"] is not None and model is None and document["origin"] != "ATTACHED":
            return _Unrunnable(
                f"the model {document['model']['name']} is no longer in the configuration; "
                "put it back or launch another one"
            )
        if document["environmentId"] is not None and environment is None:
            return _Unrunnable(
                f"the environment {document['environmentName']} is no longer in the configuration; "
                "put it back or launch another one"
            )
        joined = None
        if document["environmentInstanceId"] is not None:
            joined = self._world(document, world)
            if isinstance(joined, _Unrunnable):
                return joined
        model_spec, environment_spec = self._spec("model", model), self._spec("environment", environment)
        if isinstance(model_spec, _Unrunnable):
            return model_spec
        if isinstance(environment_spec, _Unrunnable):
            return environment_spec
        return {
            "protocol": PROTOCOL,
            "instanceId": document["id"],
            "kind": document["kind"],
            "origin": document["origin"],
            "name": document["name"],
            "attempt": document["attempt"],
            "timeline": document["timeline"],
            "model": None
            if model is None
            else {**_named(model), "revision": model["revision"], "spec": model_spec, **_file(model)},
            "environment": None if environment is None else {**_named(environment), "spec": environment_spec},
            "world": joined,
            "parameters": json.loads(document["parametersJson"]),
            "environmentParameters": json.loads(document["environmentParametersJson"]),
            "seed": document["seed"],
            "desired": lifecycle.wanted(document),
            "generation": document["generation"],
            "autosave": _autosave(model_spec),
            "flight": {"seconds": (model_spec.get("flight") or {}).get("seconds")},
            "liveToken": attempt_token(self._secret, "live", document["id"], document["attempt"]),
            "settings": asdict(self._settings),
        }

    def _spec(self, what: str, entry: Document | None) -> dict[str, Any] | _Unrunnable:
        """Returns the specification in a catalogue document, with the variables that it names and no others.

        They go beside what refers to them: what a user has written is never looked through for references.
        """
        if entry is None:
            return {}
        spec: dict[str, Any] = json.loads(entry["specJson"])
        variables: dict[str, str] = {}
        for name in variables_in(spec):
            value = self._secrets.get(name)
            if value is None:
                return _Unrunnable(
                    f"the {what} {entry['name']} needs the variable {name}, which is not set; "
                    f"{self._secrets.advice(name)}, and launch again"
                )
            variables[name] = value
        return {**spec, "variables": variables} if variables else spec

    def _world(self, document: InstanceDoc, found: Document | None) -> dict[str, Any] | _Unrunnable:
        world = cast("InstanceDoc | None", found)
        world_id = document["environmentInstanceId"]
        if world is None or lifecycle.is_final(world):
            return _Unrunnable(f"the environment instance {world_id} has ended; launch one anew and join that")
        live_token = attempt_token(self._secret, "live", world["id"], world["attempt"])
        return {
            "instanceId": world["id"],
            "address": world["status"]["liveAddress"],
            "seatToken": seat_token(live_token, document["id"]),
        }

    def _fail(self, caller: Caller, why: _Unrunnable) -> None:
        now = self._clock.now()

        def change(transaction: Transaction) -> None:
            document = _instance(transaction.get(instance_ref(caller.instance_id)), caller)
            if not lifecycle.is_final(document) and document["attempt"] == caller.attempt:
                _end(transaction, _failed(document, why, now), now)

        self._store.transact(change)


def check_current(document: InstanceDoc, caller: Caller) -> None:
    """Raises: Conflict unless the caller's attempt is the current one of an instance that has not ended."""
    if document["attempt"] != caller.attempt:
        raise Conflict(
            f"instance {caller.instance_id} is at attempt {document['attempt']}; "
            f"attempt {caller.attempt} has no say any more"
        )
    if lifecycle.is_final(document):
        raise Conflict(
            f"instance {caller.instance_id} is {document['status']['phase']}; attempt {caller.attempt} must end"
        )


def _with_replay(
    launch: dict[str, Any], transaction: Transaction, document: InstanceDoc
) -> dict[str, Any] | _Unrunnable:
    try:
        replay = replays.part(transaction, document)
    except NotFound as error:
        return _Unrunnable(str(error))
    if replay is None:
        return launch
    return {**launch, "replay": replay, "autosave": {"steps": None, "minutes": None}}  # it is made of what is kept


def _found(transaction: Transaction, document: InstanceDoc) -> list[Document | None]:
    """Returns model, environment and world; None also where the instance has none: what is not there is not read."""
    model = document["model"]
    needs = [
        (Collections.MODELS, None if model is None else model["id"]),
        (Collections.ENVIRONMENTS, document["environmentId"]),
        (Collections.ENVIRONMENT_INSTANCES, document["environmentInstanceId"]),
    ]
    found = iter(transaction.get_many([Ref(collection, key) for collection, key in needs if key is not None]))
    return [None if key is None else next(found) for _, key in needs]


def _instance(found: Document | None, caller: Caller) -> InstanceDoc:
    if found is None:
        raise NotFound(f"there is no instance {caller.instance_id}; it was deleted, end its runner")
    return cast(InstanceDoc, found)


def _failed(document: InstanceDoc, why: _Unrunnable, now: datetime) -> InstanceDoc:
    failure: Failure = {"code": "INVALID_INPUT", "message": why.message, "traceback": None, "step": None}
    return lifecycle.fail(document, failure, now)


def _autosave(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns after how many steps or minutes a state is saved by itself; None: never."""
    asked = spec.get("autosave") or {}
    return {"steps": asked.get("steps"), "minutes": asked.get("minutes")}


def _file(model: Document) -> dict[str, Any]:
    """Returns what a runner must know of a file that was uploaded, nothing for a model of the configuration."""
    uploaded = model.get("uploaded")
    if uploaded is None:
        return {}
    return {"file": {key: uploaded[key] for key in ("filename", "object", "sizeBytes", "sha256")}}


def _named(entry: Document) -> dict[str, Any]:
    return {"id": entry["id"], "name": entry["name"]}


def _end(transaction: Transaction, ended: InstanceDoc, now: datetime) -> None:
    for ref, document in ending.writes(ended, transaction.get_many(limits.refs(ended)), now):
        transaction.put(ref, document)
