"""Starting from a checkpoint: whether a model may, and what is written so that the checkpoint stays meanwhile."""

from __future__ import annotations

from typing import cast

from ainimal_zookeeper.domain.access import Principal, Resource, decide
from ainimal_zookeeper.domain.documents import (
    CheckpointDoc,
    CheckpointPoint,
    Collections,
    Document,
    InstanceDoc,
    ModelDoc,
    Ref,
    code_of,
)
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound, PermissionDenied
from ainimal_zookeeper.ports.store import Transaction

_PATH = ("input", "checkpointId")


def resource_of(checkpoint: CheckpointDoc) -> Resource:
    """Returns what access is decided about: the instance that it is of, were that gone by now."""
    return Resource("instance", checkpoint["instanceId"], checkpoint["ownerId"])


def missing(id: str) -> NotFound:
    return NotFound(f"there is no checkpoint {id}; list those of its model")


def find(transaction: Transaction, id: str, principal: Principal) -> CheckpointDoc:
    """Returns a checkpoint to start from. Raises: NotFound where it is not to be seen; PermissionDenied."""
    found = cast("CheckpointDoc | None", transaction.get(Ref(Collections.CHECKPOINTS, id)))
    if found is None or not decide(principal, "OBSERVE", resource_of(found)):
        raise missing(id)
    if not decide(principal, "CONTROL", resource_of(found)):
        raise PermissionDenied(f"you may not start from the checkpoint {found['tag']}; ask its owner")
    return found


def check_fits(checkpoint: CheckpointDoc, model: ModelDoc) -> str | None:
    """Returns what people should know of the difference, None where there is none.

    Raises: InvalidInput, saying what differs, for a checkpoint of another model, or of other code under its name.
    """
    tag = checkpoint["tag"]
    if checkpoint["modelId"] != model["id"]:
        raise InvalidInput(
            f"the checkpoint {tag} is of the model {checkpoint['modelName']}, not of {model['name']}; choose one of "
            f"{model['name']}",
            _PATH,
        )
    now = code_of(model)
    if checkpoint["code"] not in {"", now}:
        raise InvalidInput(
            f"the checkpoint {tag} is of {checkpoint['code']}, and the model {model['name']} is {now} by now; choose "
            "another checkpoint, or put the model back",
            _PATH,
        )
    if checkpoint["modelRevision"] == model["revision"]:
        return None
    return (
        f"the checkpoint {tag} was saved by the revision {_short(checkpoint['modelRevision'])} of the model "
        f"{model['name']}, which is {_short(model['revision'])} by now"
    )


def check_script(checkpoint: CheckpointDoc, row: InstanceDoc) -> None:
    """Raises: InvalidInput for a checkpoint of something else than the script of an attached instance."""
    model = row["model"]
    if model is None or checkpoint["modelId"] != model["id"]:
        raise InvalidInput(
            f"the checkpoint {checkpoint['tag']} is of {checkpoint['modelName']}, not of the script of {row['id']}; "
            "choose one that the same script has saved",
            _PATH,
        )


def point_of(checkpoint: CheckpointDoc) -> CheckpointPoint:
    return {
        "object": checkpoint["object"],
        "step": checkpoint["step"],
        "episode": checkpoint["episode"],
        "sizeBytes": checkpoint["sizeBytes"],
        "sha256": checkpoint["sha256"],
        "checkpointId": checkpoint["id"],
    }


def keep(transaction: Transaction, checkpoint: CheckpointDoc) -> None:
    """Writes that something starts from it: nobody who takes checkpoints away misses that."""
    used = {**checkpoint, "kept": True, "starts": checkpoint["starts"] + 1}
    transaction.put(Ref(Collections.CHECKPOINTS, checkpoint["id"]), cast(Document, used))


def _short(revision: str | None) -> str:
    return "unknown" if revision is None else revision[:12]
