"""Checkpoints of models and of instances."""

from __future__ import annotations

from typing import Any, cast

from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import CheckpointDoc, Collections, Ref
from ainimal_zookeeper.domain.queries import BoundQuery

from .. import connections, projection, starting
from ..context import Fields, Info, of, selected
from ..limits import page_size
from ..projection import Shown
from .server import json_of


async def of_model(parent: Shown, info: Info, first: int | None = None, after: str | None = None) -> Shown:
    return await _page(info, queries.CHECKPOINTS_BY_MODEL.bind(model_id=parent["id"]), first, after)


async def of_instance(parent: Shown, info: Info, first: int | None = None, after: str | None = None) -> Shown:
    return await _page(info, queries.CHECKPOINTS_BY_INSTANCE.bind(instance_id=parent["id"]), first, after)


async def _page(info: Info, query: BoundQuery, first: int | None, after: str | None) -> Shown:
    context, selection = of(info), selected(info)
    found = await connections.page(context.zoo.records, query, page_size(first), after, None)
    count = await context.total(query) if "totalCount" in selection else None
    nodes = await context.loader.checkpoints(found.documents, selection.get("nodes", {}))
    return {"nodes": nodes, "pageInfo": found.page_info, "totalCount": count}


async def diff(_: Any, info: Info, fromId: str, toId: str) -> Shown:  # noqa: N803
    context = of(info)
    refs = [Ref(Collections.CHECKPOINTS, each) for each in (fromId, toId)]
    found = await context.zoo.records.get_many(refs)
    for ref in refs:
        if projection.checkpoint(found.get(ref), context.principal) is None:
            raise starting.missing(ref.id)
    before, after = (cast(CheckpointDoc, found[ref]) for ref in refs)
    return await context.zoo.comparisons.compare(before, after)


async def architecture(parent: Shown, info: Info) -> dict[str, Any] | None:
    zoo = of(info).zoo
    return await zoo.records.run(zoo.manifests.architecture, parent["modelId"], parent["commit"])


RESOLVERS: Fields = {
    "Query": {"checkpointDiff": diff},
    "Checkpoint": {"parameters": json_of("_parametersJson"), "architecture": architecture},
}
