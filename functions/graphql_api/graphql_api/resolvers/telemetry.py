"""What was seen of an instance or a world: signals, metrics, events, console."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.errors import InvalidInput

from .. import connections, logs, projection, stored
from ..context import Fields, Info, of
from ..limits import MAX_PAGE, page_size
from ..projection import Shown
from ..series import Narrowing, narrowed


def signals(
    parent: Shown,
    _: Info,
    prefix: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Shown:
    """A cursor is the path behind which a page begins; signals come in the order of their paths."""
    found = sorted(parent["_signals"], key=lambda signal: str(signal["path"]))
    if prefix is not None:
        found = [each for each in found if each["path"] == prefix or each["path"].startswith(prefix + ".")]
    behind = [each for each in found if after is None or each["path"] > after]
    shown = behind[: page_size(first)]
    page = {"hasNextPage": len(behind) > len(shown), "endCursor": shown[-1]["path"] if shown else None}
    return {"nodes": shown, "pageInfo": page, "totalCount": len(found)}


def metrics(
    parent: Shown,
    _: Info,
    paths: Sequence[str] | None = None,
    points: int | None = None,
    fromStep: float | None = None,  # noqa: N803
    toStep: float | None = None,  # noqa: N803
) -> list[Shown]:
    if points is not None and points < 1:
        raise InvalidInput(f"points is {points}; it must be at least 1", ("points",))
    text = parent["_seriesJson"]
    return (
        [] if text is None else narrowed(stored.series(text, parent["id"]), Narrowing(paths, points, fromStep, toStep))
    )


async def events(parent: Shown, info: Info, first: int | None = None, after: str | None = None) -> Shown | None:
    context = of(info)
    if not parent["_observes"]:
        return None
    query = queries.EVENTS.bind(resource_id=parent["id"])
    found = await connections.page(context.zoo.records, query, page_size(first), after, None)
    shown = [projection.event(document, context.principal) for document in found.documents]
    return {"nodes": [each for each in shown if each], "pageInfo": found.page_info}


async def console(parent: Shown, info: Info, first: int | None = None, after: str | None = None) -> Shown | None:
    if not parent["_observes"]:
        return None
    size = MAX_PAGE if first is None else page_size(first)
    return await logs.page(of(info).zoo.records, parent["id"], size, after)


_BOTH: dict[str, Callable[..., Any]] = {"signals": signals, "events": events, "logs": console}
RESOLVERS: Fields = {"Instance": {**_BOTH, "metrics": metrics}, "EnvironmentInstance": _BOTH}
