"""Checkpoints: saved states of a model's instances, seen from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import documents
from .difference import CheckpointDiff, ask_difference
from .endpoint import Endpoint
from .names import pick
from .refusals import raise_user_errors
from .tables import Table


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the zoo says of one saved state. It stays as it is until it is deleted."""

    id: str
    tag: str
    """Its name among the checkpoints of its model."""
    kind: str
    """ASKED, AUTOSAVE, or DEPARTURE when its process had to leave."""
    kept: bool
    """Whether a user gave the tag, or something has started from it."""
    step: int
    episode: int
    timeline: int
    """Of the instance that it was saved from: +1 for each restore or relaunch before it."""
    created_at: str
    size_bytes: int
    needs_pickle: bool
    """Whether loading it runs code out of the file."""
    commit: str
    parents: tuple[str, ...]
    """Commits that it grew from: of another checkpoint, or of the model's code."""
    instance_id: str | None
    instance: str
    """What the instance was called, which may be gone by now."""
    model_id: str
    model: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """As the API answered it."""
    _endpoint: Endpoint = field(repr=False, compare=False)

    def delete(self) -> None:
        """Takes its tag and its saved state away; what grew from it stays."""
        answer = self._endpoint.ask(documents.CHECKPOINT_DELETE, input={"checkpointId": self.id})
        raise_user_errors(answer["checkpointDelete"])

    def diff(self, other: Checkpoint | str) -> CheckpointDiff:
        """Returns what leads from this one to `other`: a checkpoint, or the id, the tag, or the beginning of either of
        one of the same model.

        Raises: NotFound; LimitReached for what is too big; DataCorrupt for what is not as it was saved.
        """
        if isinstance(other, str):
            other = find_checkpoint(self._endpoint, other, checkpoints_of(self._endpoint, self.model_id))
        return ask_difference(self._endpoint, self.id, other.id)


def read_checkpoint(endpoint: Endpoint, document: Mapping[str, Any]) -> Checkpoint:
    """Reads a `Checkpoint` of the API."""
    return Checkpoint(
        id=document["id"],
        tag=document["tag"],
        kind=document["kind"],
        kept=document["kept"],
        step=int(document["step"]),
        episode=int(document["episode"]),
        timeline=document["timeline"],
        created_at=document["createdAt"],
        size_bytes=int(document["sizeBytes"]),
        needs_pickle=document["needsPickle"],
        commit=document["commit"],
        parents=tuple(document["parents"]),
        instance_id=document["instanceId"],
        instance=document["instanceName"],
        model_id=document["modelId"],
        model=document["modelName"],
        document=document,
        _endpoint=endpoint,
    )


def table_of(rows: Iterable[Checkpoint]) -> Table[Checkpoint]:
    """Returns a table that tells of each parent by its tag where it is among `rows`, else by its commit."""
    known = list(rows)
    tags = {checkpoint.commit: checkpoint.tag for checkpoint in known}
    return Table(
        known,
        {
            "tag": lambda checkpoint: checkpoint.tag,
            "instance": lambda checkpoint: checkpoint.instance,
            "kind": lambda checkpoint: checkpoint.kind.lower(),
            "step": lambda checkpoint: checkpoint.step,
            "timeline": lambda checkpoint: checkpoint.timeline,
            "saved": lambda checkpoint: checkpoint.created_at,
            "bytes": lambda checkpoint: checkpoint.size_bytes,
            "from": lambda checkpoint: ", ".join(tags.get(parent, parent[:12]) for parent in checkpoint.parents),
            "id": lambda checkpoint: checkpoint.id,
        },
    )


def checkpoints_of(endpoint: Endpoint, model_id: str) -> Iterator[Checkpoint]:
    """Yields the checkpoints of a model, the newest first, page by page. Raises: NotFound."""
    for row in endpoint.rows(documents.MODEL_CHECKPOINTS, "checkpoints", of="model", id=model_id):
        yield read_checkpoint(endpoint, row)


def find_checkpoint(endpoint: Endpoint, wanted: str, *of_models: Iterable[Checkpoint]) -> Checkpoint:
    """Returns the one that `wanted` names: by its id, or among those of each model by tag or the beginning of either.

    A model has a tag once: of one that has it no more is read.

    Raises: NotFound with the tags, nearest first; InvalidInput with the candidates when several fit.
    """
    if wanted.startswith("chk_"):
        document = endpoint.ask(documents.CHECKPOINT, id=wanted)["node"]
        if document:
            return read_checkpoint(endpoint, document)
    known, exact = list[Checkpoint](), list[Checkpoint]()
    for rows in of_models:
        for row in rows:
            known.append(row)
            if row.tag == wanted:
                exact.append(row)
                break
    return pick(
        exact or known,
        wanted,
        "checkpoint",
        identity=lambda row: row.id,
        name=lambda row: row.tag,
        otherwise="give an id" if len(of_models) == 1 else "give an id, or say of which model",
    )
