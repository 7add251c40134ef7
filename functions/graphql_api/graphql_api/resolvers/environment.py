"""Kinds of worlds, and worlds that run."""

from __future__ import annotations

from typing import Any

from ainimal_zookeeper.domain import queries

from .. import connections, projection
from ..context import Fields, Info, of, selected
from ..limits import page_size
from ..projection import Shown
from .server import json_of


async def environments(_: Any, info: Info, first: int | None = None, after: str | None = None) -> Shown:
    context, selection = of(info), selected(info)
    query = queries.ENVIRONMENTS.bind()
    found = await connections.page(context.zoo.records, query, page_size(first), after, None)
    count = await context.total(query) if "totalCount" in selection else None
    shown = [projection.environment(document, context.principal) for document in found.documents]
    return {"nodes": [each for each in shown if each], "pageInfo": found.page_info, "totalCount": count}


async def environment_instances(
    _: Any,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    environmentId: str | None = None,  # noqa: N803
) -> Shown:
    context, selection = of(info), selected(info)
    if environmentId is None:
        query = queries.ENVIRONMENT_INSTANCES.bind()
    else:
        query = queries.ENVIRONMENT_INSTANCES_BY_ENVIRONMENT.bind(environment_id=environmentId)
    found = await connections.page(context.zoo.records, query, page_size(first), after, None)
    count = await context.total(query) if "totalCount" in selection else None
    nodes = await context.loader.environment_instances(found.documents, selection.get("nodes", {}))
    return {"nodes": nodes, "pageInfo": found.page_info, "totalCount": count}


RESOLVERS: Fields = {
    "Query": {"environments": environments, "environmentInstances": environment_instances},
    "EnvironmentInstance": {"parameters": json_of("_parametersJson")},
}
