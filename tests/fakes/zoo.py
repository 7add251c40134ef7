"""Documents of a small zoo: one model, one environment, and instances of them, as the API would write them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, cast

from ainimal_zookeeper.domain import limits
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, LimitDoc, Ref, instance_ref
from ainimal_zookeeper.domain.lifecycle import new_status, timestamp
from ainimal_zookeeper.ports.store import DocumentStore

SECRET = b"a secret for tests"


def instance(now: datetime, id: str = "ins_1", **changes: Any) -> InstanceDoc:
    """Returns an instance of `mod_learner` that brings `world_box`, just asked for; env_... is that world alone."""
    is_world = id.startswith("env_")
    document: InstanceDoc = {
        "id": id,
        "kind": "environment" if is_world else "instance",
        "name": id,
        "origin": "LAUNCHED",
        "ownerId": None,
        "model": None if is_world else {"id": "mod_learner", "name": "learner", "revision": "r1"},
        "environmentId": "world_box",
        "environmentName": "box",
        "environmentInstanceId": None,
        "parametersJson": "{}" if is_world else '{"learning_rate":0.1}',
        "environmentParametersJson": "{}",
        "seed": 7,
        "computeId": None,
        "tags": [],
        "notes": None,
        "keywords": [],
        "createdAt": timestamp(now),
        "attempt": 1,
        "timeline": 1,
        "generation": 1,
        "desired": {
            "phase": "RUNNING",
            "mode": {"training": True, "inference": True},
            "rate": None,
            "steps": 0,
            "resets": 0,
            "save": None,
            "restore": None,
        },
        "startPoint": None,
        "status": new_status(now),
    }
    return cast(InstanceDoc, {**document, **changes})


def joining(now: datetime, world_id: str = "env_1", id: str = "ins_1") -> InstanceDoc:
    """Returns an instance that takes a seat in a running world."""
    return instance(now, id, environmentId=None, environmentName=None, environmentInstanceId=world_id)


def model(**spec: Any) -> Document:
    return {
        "id": "mod_learner",
        "name": "learner",
        "type": "python_class",
        "source": "/zoo/learner.py",
        "revision": "r1",
        "description": None,
        "providerId": None,
        "parameters": [],
        "findings": [],
        "defect": None,
        "keywords": [],
        "specJson": json.dumps({"type": "python_class", "path": "/zoo/learner.py", "class_name": "Learner", **spec}),
    }


def environment(**spec: Any) -> Document:
    return {
        "id": "world_box",
        "name": "box",
        "type": "gymnasium",
        "parameters": [],
        "maxInstances": None,
        "maxConnected": 4,
        "autostart": False,
        "specJson": json.dumps({"type": "gymnasium", "env_name": "CartPole-v1", **spec}),
    }


def put(store: DocumentStore, collection: str, *documents: Document) -> None:
    """Writes documents under their ids."""

    def write(transaction: Any) -> None:
        for document in documents:
            transaction.put(Ref(collection, document["id"]), document)

    store.transact(write)


def furnish(store: DocumentStore) -> None:
    """Writes the catalogue: the model and the environment."""
    put(store, Collections.MODELS, model())
    put(store, Collections.ENVIRONMENTS, environment())


def add(store: DocumentStore, document: InstanceDoc) -> InstanceDoc:
    """Writes an instance with its places under the limits, as a launch does."""

    def write(transaction: Any) -> None:
        refs = limits.refs(document)
        for ref, limit in zip(refs, transaction.get_many(refs), strict=True):
            empty: LimitDoc = {"id": ref.id, "members": []}
            transaction.put(ref, limits.enter(limit or empty, document["id"], None, ref.id))
        transaction.put(instance_ref(document["id"]), document)

    store.transact(write)
    return document


def read(store: DocumentStore, id: str = "ins_1") -> InstanceDoc:
    """Returns an instance as it is now."""
    found = store.get(instance_ref(id))
    assert found is not None
    return cast(InstanceDoc, found)


def members(store: DocumentStore, name: str) -> list[str]:
    """Returns who counts against a limit."""
    limit = store.get(Ref(Collections.LIMITS, name))
    return [] if limit is None else sorted(limit["members"])
