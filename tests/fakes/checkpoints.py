"""Checkpoints as the runner link makes them, for tests of what is done with them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, cast

from ainimal_zookeeper.checkpoints import Author, Code, Manifest, PayloadFile, Repository, Snapshot
from ainimal_zookeeper.domain.documents import CheckpointDoc, CheckpointPoint, Collections
from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.store import DocumentStore

from tests.fakes import zoo


def add(
    store: DocumentStore,
    bucket: Bucket,
    at: datetime,
    instance_id: str,
    tag: str,
    step: int = 7,
    *,
    content: bytes | None = None,
    grew_from: str | None = None,
    base: str | None = None,
    architecture: dict[str, Any] | None = None,
    **changes: Any,
) -> CheckpointDoc:
    """Saves a checkpoint of an instance of `mod_learner`: bytes, commit, tag and document.

    grew_from: the commit of another one. base: that of the source's git repository. changes: of the document.
    """
    content = f"{tag} at {step}".encode() if content is None else content
    name, sha256 = f"runs/{instance_id}/1/checkpoints/{tag}.zip", hashlib.sha256(content).hexdigest()
    bucket.put(name, content)
    manifest = Manifest(
        instance_id=instance_id,
        timeline=1,
        step=step,
        episode=2,
        code=Code("learner", "Learner", "/zoo/learner.py", "r1", base),
        payload=(PayloadFile("state.zip", name, sha256, len(content)),),
        grew_from=grew_from,
        architecture=architecture,
    )
    made = Repository(bucket, "mod_learner").save(Snapshot(manifest, Author("zoo", "zoo"), at), tag)
    document: CheckpointDoc = {
        "id": made.id,
        "modelId": "mod_learner",
        "modelName": "learner",
        "modelRevision": "r1",
        "code": "Learner in /zoo/learner.py",
        "instanceId": instance_id,
        "instanceName": instance_id,
        "ownerId": None,
        "authorId": None,
        "attempt": 1,
        "timeline": 1,
        "step": step,
        "episode": 2,
        "tag": tag,
        "commit": made.commit,
        "parents": list(made.parents),
        "createdAt": timestamp(at),
        "sizeBytes": len(content),
        "needsPickle": False,
        "object": name,
        "sha256": sha256,
        "kind": "ASKED",
        "kept": True,
        "starts": 0,
        "saveId": None,
        "parametersJson": '{"learning_rate": 0.5}',
    }
    document = cast(CheckpointDoc, {**document, **changes})
    zoo.put(store, Collections.CHECKPOINTS, dict(document))
    return document


def point_of(checkpoint: CheckpointDoc) -> CheckpointPoint:
    """Returns what an attempt that starts from it is told."""
    keys = ("object", "step", "episode", "sizeBytes", "sha256")
    return cast(CheckpointPoint, {**{key: checkpoint[key] for key in keys}, "checkpointId": checkpoint["id"]})
