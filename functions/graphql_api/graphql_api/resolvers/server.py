"""Who asks, what answers, and objects by their ids alone."""

from __future__ import annotations

from typing import Any

from ainimal_zookeeper.domain.documents import Collections, Ref

from .. import projection, stored
from ..context import Fields, Info, of, selected
from ..projection import SERVER_ID, Shown


def viewer(_: Any, info: Info) -> Shown:
    return projection.viewer(of(info).principal)


async def server(_: Any, info: Info) -> Shown:
    return await _server(info)


async def node(_: Any, info: Info, id: str) -> Shown | None:
    """Tells the type by the id's prefix; an id of none of them finds nothing."""
    context, selection = of(info), selected(info)
    if id == SERVER_ID:
        return await _server(info)
    loads = {
        "ins": (Collections.INSTANCES, context.loader.instances),
        "env": (Collections.ENVIRONMENT_INSTANCES, context.loader.environment_instances),
        "mod": (Collections.MODELS, context.loader.models),
        "chk": (Collections.CHECKPOINTS, context.loader.checkpoints),
        "rec": (Collections.RECORDINGS, context.loader.recordings),
    }
    prefix = id.partition("_")[0]
    if prefix in loads:
        collection, load = loads[prefix]
        found = await context.zoo.records.get(Ref(collection, id))
        shown = [] if found is None else await load([found], selection)
        return shown[0] if shown else None
    if prefix == "world":
        return projection.environment(
            await context.zoo.records.get(Ref(Collections.ENVIRONMENTS, id)), context.principal
        )
    if prefix == "evt":
        found = await context.zoo.records.get(Ref(Collections.EVENTS, id))
        return None if found is None else projection.event(found, context.principal)
    computes = await _computes(info)
    return next((each for each in computes if each["id"] == id), None)


async def _server(info: Info) -> Shown:
    zoo = of(info).zoo
    found = await zoo.records.configuration()
    return {
        "__typename": "Server",
        "id": SERVER_ID,
        "name": found.get("name", "zoo"),
        "version": zoo.version,
        "profile": zoo.profile,
        "liveUrl": None,
        "signIn": [],
        "limits": {"maxModels": found.get("maxModels"), "maxEnvironments": found.get("maxEnvironments")},
        "computeProviders": [projection.compute(each) for each in found.get("computes", [])],
    }


async def _computes(info: Info) -> list[Shown]:
    found = await of(info).zoo.records.configuration()
    return [projection.compute(each) for each in found.get("computes", [])]


def processes(_: Any, info: Info) -> list[Shown]:
    return [
        {"name": each["name"], "running": each["running"], "restarts": each["restarts"], "url": each.get("url")}
        for each in of(info).zoo.processes()
    ]


def json_of(key: str) -> Any:
    """Returns a resolver that reads the parameters under `key` of the parent; absent text is null."""

    def resolve(parent: Shown, _: Info) -> Any:
        text = parent.get(key)
        return None if text is None else stored.parameters(text, parent["id"])

    return resolve


RESOLVERS: Fields = {
    "Query": {"viewer": viewer, "server": server, "node": node},
    "Server": {"processes": processes},
}
