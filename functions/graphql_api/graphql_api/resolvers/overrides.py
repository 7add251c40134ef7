"""Rules on signals: letting them stand, ending them, and showing them."""

from __future__ import annotations

from typing import Any

from .. import projection
from ..context import Fields, Info, of
from ..projection import Shown
from .commands import Input, _instance, _instance_id, mutation


@mutation
async def override_set(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    _instance_id(input)
    document, override_id = await zoo.records.run(zoo.overrides.set, principal, input)
    zoo.links.tell(document)
    shown = {each["id"]: each for each in projection.overrides(document)}
    return {"override": shown.get(override_id), **await _instance(info, document)}


@mutation
async def override_clear(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    _instance_id(input)
    document = await zoo.records.run(zoo.overrides.clear, principal, input)
    zoo.links.tell(document)
    return await _instance(info, document)


def of_instance(parent: Shown, _: Info) -> list[Shown]:
    found: Any = parent["_document"]
    return projection.overrides(found) if parent["_observes"] else []


RESOLVERS: Fields = {
    "Mutation": {"overrideSet": override_set, "overrideClear": override_clear},
    "Instance": {"overrides": of_instance},
}
