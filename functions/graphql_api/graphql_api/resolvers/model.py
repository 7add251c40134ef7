"""Models on offer."""

from __future__ import annotations

from typing import Any

from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.keywords import words

from .. import connections
from ..context import Fields, Info, of, selected
from ..limits import page_size
from ..projection import Shown
from . import checkpoints


async def models(
    _: Any,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    search: str | None = None,
    providerId: str | None = None,  # noqa: N803
) -> Shown:
    context, selection = of(info), selected(info)
    asked = words(search or "")
    filtered = len(asked) > 1 or (bool(asked) and providerId is not None)

    def keep(document: Document) -> bool:
        return set(asked) <= set(document["keywords"]) and providerId in {None, document["providerId"]}

    if asked:
        query = queries.MODELS_BY_KEYWORD.bind(keyword=max(asked, key=len))
    elif providerId is not None:
        query = queries.MODELS_BY_PROVIDER.bind(provider_id=providerId)
    else:
        query = queries.MODELS.bind()
    found = await connections.page(context.zoo.records, query, page_size(first), after, keep if filtered else None)
    count = await context.total(query) if "totalCount" in selection and not filtered else None
    nodes = await context.loader.models(found.documents, selection.get("nodes", {}))
    return {"nodes": nodes, "pageInfo": found.page_info, "totalCount": count}


async def model(_: Any, info: Info, id: str) -> Shown | None:
    context = of(info)
    found = await context.zoo.records.get(Ref(Collections.MODELS, id))
    shown = [] if found is None else await context.loader.models([found], selected(info))
    return shown[0] if shown else None


RESOLVERS: Fields = {
    "Query": {"models": models, "model": model},
    "Model": {"checkpoints": checkpoints.of_model},
}
