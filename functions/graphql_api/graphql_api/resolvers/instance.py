"""Instances: lists by the most selective query that is declared, and single ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.keywords import words
from ainimal_zookeeper.domain.queries import BoundQuery

from .. import connections
from ..context import Fields, Info, of, selected
from ..limits import page_size
from ..projection import Shown
from . import checkpoints
from .server import json_of


async def instances(
    _: Any,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    phase: Sequence[str] | None = None,
    modelId: str | None = None,  # noqa: N803
    search: str | None = None,
    tags: Sequence[str] | None = None,
) -> Shown:
    context, selection = of(info), selected(info)
    asked = words(search or "")

    def keep(document: Document) -> bool:
        model = document["model"]
        return (
            set(asked) <= set(document["keywords"])
            and set(tags or ()) <= set(document["tags"])
            and modelId in {None, None if model is None else model["id"]}
            and (phase is None or document["status"]["phase"] in phase)
        )

    query = _most_selective(asked, tags, modelId, phase)
    filters = len(asked) + len(tags or ()) + (modelId is not None) + (phase is not None)
    found = await connections.page(context.zoo.records, query, page_size(first), after, keep if filters > 1 else None)
    count = await context.total(query) if "totalCount" in selection and filters <= 1 else None
    nodes = await context.loader.instances(found.documents, selection.get("nodes", {}))
    return {"nodes": nodes, "pageInfo": found.page_info, "totalCount": count}


def _most_selective(
    asked: Sequence[str], tags: Sequence[str] | None, model_id: str | None, phases: Sequence[str] | None
) -> BoundQuery:
    if asked:
        return queries.INSTANCES_BY_KEYWORD.bind(keyword=max(asked, key=len))
    if tags:
        return queries.INSTANCES_BY_TAG.bind(tag=tags[0])
    if model_id is not None:
        return queries.INSTANCES_BY_MODEL.bind(model_id=model_id)
    if phases is not None:
        return queries.INSTANCES_BY_PHASE.bind(phases=tuple(phases))
    return queries.INSTANCES.bind()


async def instance(_: Any, info: Info, id: str) -> Shown | None:
    context = of(info)
    found = await context.zoo.records.get(Ref(Collections.INSTANCES, id))
    shown = [] if found is None else await context.loader.instances([found], selected(info))
    return shown[0] if shown else None


RESOLVERS: Fields = {
    "Query": {"instances": instances, "instance": instance},
    "Instance": {"parameters": json_of("_parametersJson"), "checkpoints": checkpoints.of_instance},
}
