"""Keeping: a state that a runner has saved becomes a checkpoint: a tag in its model's repository, and a document.

What lies in the bucket comes first and may come twice; then one transaction makes the checkpoint known. Whoever is
killed in between is asked again by the runner, and finds what is there.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ainimal_zookeeper.domain import lifecycle, queries
from ainimal_zookeeper.domain.documents import (
    CheckpointDoc,
    CheckpointPoint,
    Collections,
    Document,
    InstanceDoc,
    ModelDoc,
    ModelRef,
    Ref,
    code_of,
)
from ainimal_zookeeper.domain.errors import (
    AlreadyExists,
    DataCorrupt,
    InvalidTransition,
    NotFound,
    Rejected,
    ZookeeperError,
)
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.store import DocumentStore

from .saves import Saved

if TYPE_CHECKING:
    from ainimal_zookeeper.checkpoints import Checkpoint, Manifest, Repository, Snapshot
    from ainimal_zookeeper.checkpoints.discarding import Discards

_log = logging.getLogger(__name__)

PAYLOAD = "state.zip"  # the one file of a payload: what `save` wrote, as the runner has packed it
KEPT_IN_PASSING = 3  # of an instance, where its model's configuration says nothing else

_PASSING = ("AUTOSAVE", "DEPARTURE")
_LOOKED_AT = 50  # checkpoints too many that one report sees to
_MAX_ARCHITECTURE = 300_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a saved state.

    point: what the next attempt may start from, None where the bytes are not as they were said to be. checkpoint: None
    where it is none, and then `failure` says why.
    """

    point: CheckpointPoint | None
    checkpoint: CheckpointDoc | None = None
    failure: dict[str, str] | None = None
    most: int = KEPT_IN_PASSING


class Keeping:
    """Makes checkpoints, and takes those away that are too many. Thread-safe."""

    def __init__(self, *, store: DocumentStore, bucket: Bucket, clock: Clock) -> None:
        self._store = store
        self._bucket = bucket
        self._clock = clock

    def keep(self, document: InstanceDoc, point: CheckpointPoint, saved: Saved) -> Kept:
        """Gives the state at `point` a commit and a tag. What is no user's fault and no runner's lie is Transient."""
        model = document["model"]
        try:
            self._check(point)
        except (NotFound, DataCorrupt) as error:
            return Kept(None, failure=_failure(error))
        if model is None:
            return Kept(point, failure={"code": "INVALID_INPUT", "message": "it has no model to keep checkpoints with"})
        refs = [Ref(Collections.MODELS, model["id"]), Ref(Collections.MANIFESTS, document["id"])]
        offered, seen = self._store.get_many(refs)
        request = lifecycle.pending_save(document)
        tag = request["tag"] if request is not None and request["id"] == saved.id else None
        author = None if request is None or request["id"] != saved.id else request["authorId"]
        try:
            made = self._save(document, cast("ModelDoc | None", offered), seen, point, saved, tag, author)
        except (Rejected, DataCorrupt) as error:
            if saved.kind == "ASKED":
                with suppress(NotFound):
                    self._bucket.delete(point["object"])
                return Kept(None, failure=_failure(error))
            return Kept(point, failure=_failure(error))  # without a tag the next attempt can start from it all the same
        checkpoint: CheckpointDoc = {
            "id": made.id,
            "modelId": model["id"],
            "modelName": model["name"],
            "modelRevision": model["revision"],
            "code": "" if offered is None else code_of(cast(ModelDoc, offered)),
            "instanceId": document["id"],
            "instanceName": document["name"],
            "ownerId": document["ownerId"],
            "authorId": author,
            "attempt": document["attempt"],
            "timeline": document["timeline"],
            "step": point["step"],
            "episode": point["episode"],
            "tag": made.tag or "",
            "commit": made.commit,
            "parents": list(made.parents),
            "createdAt": lifecycle.timestamp(self._clock.now()),
            "sizeBytes": point["sizeBytes"],
            "needsPickle": made.manifest.needs_pickle,
            "object": point["object"],
            "sha256": point["sha256"],
            "kind": saved.kind,
            "kept": tag is not None or saved.recording is not None,
            "starts": 0,
            "saveId": saved.id,
            "parametersJson": document["parametersJson"],
        }
        if _concerns_source(model, made, saved):
            checkpoint["push"] = "WAITING"
        return Kept({**point, "checkpointId": made.id}, checkpoint, most=_most(offered))

    def forget(self, kept: Kept) -> None:
        """Takes back what `keep` has made, of an attempt that has lost its say meanwhile."""
        if kept.checkpoint is None:
            return
        if self._store.get(Ref(Collections.CHECKPOINTS, kept.checkpoint["id"])) is None:  # told twice, taken in once
            discards = self._discards()
            discards.clear(discards.note(kept.checkpoint))

    def thin_out(self, document: InstanceDoc, most: int) -> None:
        """Takes away what is too many of what the zoo itself has saved of an instance.

        What is in the way of that is logged: the next time sees to it again.
        """
        discards = self._discards()
        query = queries.CHECKPOINTS_IN_PASSING.bind(instance_id=document["id"], kept=False, kinds=_PASSING)
        try:
            for stale in self._store.query(query, queries.Page(most + _LOOKED_AT)).documents[most:]:
                with suppress(NotFound, InvalidTransition):  # gone by now, or in use again
                    discards.discard(stale["id"], _only_in_passing)
            discards.clear_all()
        except ZookeeperError as error:
            _log.warning("old checkpoints of %s could not be taken away: %s", document["id"], error)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _check(self, point: CheckpointPoint) -> None:
        info = self._bucket.info(point["object"])
        if info is None:
            raise NotFound(f"the object {point['object']} does not exist; upload it before reporting it")
        if info.size_bytes != point["sizeBytes"] or info.sha256 not in {"", point["sha256"]}:
            raise DataCorrupt(
                f"the object {point['object']} has {info.size_bytes:,} bytes with SHA-256 {info.sha256 or 'unknown'}, "
                f"not {point['sizeBytes']:,} with {point['sha256']}"
            )

    def _save(
        self,
        document: InstanceDoc,
        model: ModelDoc | None,
        seen: Document | None,
        point: CheckpointPoint,
        saved: Saved,
        tag: str | None,
        author_id: str | None,
    ) -> Checkpoint:
        """Saves under the tag that is asked for, or the first made up one that is free."""
        from ainimal_zookeeper.checkpoints import Author, Repository, Snapshot
        from ainimal_zookeeper.checkpoints.names import tags_for

        manifest = _manifest(document, model, seen, point, saved)
        author = Author("zoo", "AInimal Zookeeper") if author_id is None else Author(author_id, author_id)
        snapshot = Snapshot(manifest, author, self._clock.now())
        repository = Repository(self._bucket, cast("dict[str, Any]", document["model"])["id"])
        made_up = tags_for(document["name"], document["id"], document["timeline"], point["step"])
        for name in made_up if tag is None else [tag]:
            made = _saved_under(repository, snapshot, name)
            if made is not None:
                return made
        raise AlreadyExists(f"the model has a checkpoint with the tag {name} already; choose another name")

    def _discards(self) -> Discards:
        from ainimal_zookeeper.checkpoints.discarding import Discards

        return Discards(store=self._store, bucket=self._bucket, clock=self._clock)


def _saved_under(repository: Repository, snapshot: Snapshot, tag: str) -> Checkpoint | None:
    """Returns the checkpoint of the snapshot's payload; None where the tag is one of something else.

    Who comes again comes at another time, and that alone makes another commit: the object tells what is the same.
    """
    try:
        return repository.save(snapshot, tag)
    except AlreadyExists:
        found = repository.read(tag)
    return found if found.manifest.payload == snapshot.manifest.payload else None


def _manifest(
    document: InstanceDoc, model: ModelDoc | None, seen: Document | None, point: CheckpointPoint, saved: Saved
) -> Manifest:
    from ainimal_zookeeper.checkpoints import Code, Manifest, PayloadFile
    from ainimal_zookeeper.checkpoints.names import commit_in

    launched, before = cast(ModelRef, document["model"]), lifecycle.checkpoint_of(document)
    code = launched.get("code")
    spec = {} if model is None else json.loads(model["specJson"])
    return Manifest(
        instance_id=document["id"],
        timeline=document["timeline"],
        step=point["step"],
        episode=point["episode"],
        code=Code(
            model=launched["name"],
            kind=spec.get("class_name") or ("unknown" if model is None else model["type"]),
            source="" if model is None else model["source"],
            revision=launched["revision"],
            commit=None if code is None else code["commit"],
            path=None if code is None else code["path"],
            modified=code is not None and code["modified"],
        ),
        payload=(PayloadFile(PAYLOAD, point["object"], point["sha256"], point["sizeBytes"]),),
        grew_from=None if before is None else commit_in(before.get("checkpointId") or ""),
        mode=_mode(document),
        seeds={"launch": document["seed"], **saved.seeds},
        parameters=json.loads(document["parametersJson"]),
        overrides=saved.overrides,
        environment=_environment(document),
        architecture=_architecture(seen) if saved.architecture is None else saved.architecture,
        libraries=saved.libraries,
        needs_pickle=saved.needs_pickle,
    )


def _mode(document: InstanceDoc) -> str:
    mode = document["desired"]["mode"]
    if mode["training"] and mode["inference"]:
        return "BOTH"
    return "TRAINING" if mode["training"] else "INFERENCE" if mode["inference"] else "NONE"


def _environment(document: InstanceDoc) -> dict[str, Any] | None:
    if document["environmentName"] is None:
        return None
    return {
        "id": document["environmentId"],
        "name": document["environmentName"],
        "instanceId": document["environmentInstanceId"],
        "parameters": json.loads(document["environmentParametersJson"]),
    }


def _architecture(seen: Document | None) -> dict[str, Any] | None:
    """Returns what the runner has found the model to be made of, where that is not as big as a payload."""
    found = None if seen is None else json.loads(seen["manifestJson"]).get("architecture")
    return found if found is not None and len(json.dumps(found)) <= _MAX_ARCHITECTURE else None


def _concerns_source(model: ModelRef, made: Checkpoint, saved: Saved) -> bool:
    """Tells whether the zoo that has the source's git repository has something to do: history to keep, a tag to push.

    What the zoo saves by itself, and takes away again, would litter that.
    """
    code = model.get("code")
    return code is not None and code["atHand"] and (saved.kind == "ASKED" or made.manifest.grew_from is None)


def _most(model: Document | None) -> int:
    autosave = {} if model is None else json.loads(model["specJson"]).get("autosave") or {}
    return int(autosave.get("keep") or KEPT_IN_PASSING)


def _only_in_passing(checkpoint: CheckpointDoc) -> tuple[()]:
    """Raises: InvalidTransition for one that is to stay by now."""
    if checkpoint["kept"]:
        raise InvalidTransition(f"the checkpoint {checkpoint['tag']} is kept")
    return ()


def _failure(error: ZookeeperError) -> dict[str, str]:
    return {"code": error.code, "message": error.message}
