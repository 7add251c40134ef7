"""Annotations: what people have noted at the steps of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ainimal_zookeeper.domain.errors import NotFound

from . import documents
from .endpoint import Endpoint
from .refusals import raise_user_errors
from .tables import Table


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note at a step, or at the steps up to `end_step`."""

    id: str
    step: int
    end_step: int | None
    timeline: int
    text: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """As the API answered it."""
    _endpoint: Endpoint = field(repr=False, compare=False)

    def delete(self) -> None:
        answer = self._endpoint.ask(documents.ANNOTATION_DELETE, input={"annotationId": self.id})
        raise_user_errors(answer["annotationDelete"])


def annotate(endpoint: Endpoint, instance_id: str, text: str, step: int, end_step: int | None) -> Annotation:
    wanted = {"instanceId": instance_id, "text": text, "step": step, "endStep": end_step}
    given = {key: value for key, value in wanted.items() if value is not None}
    answer = endpoint.ask(documents.ANNOTATE, input=given)["annotationCreate"]
    raise_user_errors(answer)
    return _read(endpoint, answer["annotation"])


def annotations_of(endpoint: Endpoint, instance_id: str, name: str) -> Table[Annotation]:
    """Returns the notes of an instance, in the order of their steps. Raises: NotFound."""
    found = endpoint.ask(documents.ANNOTATIONS, id=instance_id)["instance"]
    if found is None:
        raise NotFound(f"instance {name} ({instance_id}) is no longer there")
    return Table(
        [_read(endpoint, row) for row in found["annotations"]],
        {
            "step": lambda note: note.step,
            "to": lambda note: "" if note.end_step is None else note.end_step,
            "timeline": lambda note: note.timeline,
            "text": lambda note: note.text,
            "id": lambda note: note.id,
        },
    )


def _read(endpoint: Endpoint, document: Mapping[str, Any]) -> Annotation:
    return Annotation(
        id=document["id"],
        step=int(document["step"]),
        end_step=None if document["endStep"] is None else int(document["endStep"]),
        timeline=document["timeline"],
        text=document["text"],
        document=document,
        _endpoint=endpoint,
    )
