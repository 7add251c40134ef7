"""Loading: rows and all that the request selects around them, by one call of the store per level.

A list of twenty instances with their models and pictures is the query for the rows and one `get_many`, however many
kinds of documents that touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, Ref

from . import projection, stored
from .projection import Shown
from .records import Records
from .selection import Selection

CONFIGURATION = Ref(Collections.CONFIGURATION, "zoo")
_FROM_PROBE = frozenset({"inputs", "outputs", "trainable", "architecture", "findings"})
_FROM_MANIFEST = frozenset({"signals", "architecture"})


class Loader:
    """Projects documents for one viewer."""

    def __init__(self, records: Records, principal: Principal) -> None:
        self._records = records
        self._principal = principal

    async def instances(self, documents: Sequence[Document], selection: Selection) -> list[Shown]:
        """Returns the visible ones, in order."""
        shown = [each for each in (projection.instance(found, self._principal) for found in documents) if each]
        refs: list[Ref] = []
        for each in shown:
            refs += _around_instance(each, selection)
        found = await self._records.get_many(refs)
        worlds = await self._worlds(shown, selection, found)
        for each in shown:
            self._attach(each, selection, found, worlds)
        return shown

    async def environment_instances(self, documents: Sequence[Document], selection: Selection) -> list[Shown]:
        """Returns the visible ones, in order. One whose kind is no longer offered keeps the name of it."""
        found = [projection.environment_instance(document, self._principal) for document in documents]
        shown = [each for each in found if each is not None]
        refs: list[Ref] = []
        for each in shown:
            if "environment" in selection:
                refs.append(Ref(Collections.ENVIRONMENTS, each["_document"]["environmentId"]))
            refs += _side_documents(each, selection)
        around = await self._records.get_many(refs)
        for each in shown:
            if "environment" in selection:
                document: InstanceDoc = each["_document"]
                kind = around.get(Ref(Collections.ENVIRONMENTS, str(document["environmentId"])))
                each["environment"] = projection.environment(kind, self._principal) or _gone(document)
            _attach_side_documents(each, selection, around)
        return shown

    async def models(self, documents: Sequence[Document], selection: Selection) -> list[Shown]:
        """Returns the visible ones, in order."""
        refs = [Ref(Collections.PROBES, document["id"]) for document in documents if _needs_probe(selection)]
        probes = await self._records.get_many(refs)
        found = [self._model(document, probes) for document in documents]
        return [each for each in found if each is not None]

    async def _worlds(self, shown: list[Shown], selection: Selection, found: dict[Ref, Document]) -> dict[str, Shown]:
        """Returns the joined worlds by id, with their kinds where these are selected."""
        refs = [ref for each in shown for ref in _joined(each) if ref in found]
        if not refs:
            return {}
        below = dict(selection.get("environmentInstance", {}))
        if "environment" in selection:
            below["environment"] = {**below.get("environment", {}), **selection["environment"]}
        documents = [found[ref] for ref in dict.fromkeys(refs)]
        return {each["id"]: each for each in await self.environment_instances(documents, below)}

    def _attach(self, shown: Shown, selection: Selection, found: dict[Ref, Document], worlds: dict[str, Shown]) -> None:
        document: InstanceDoc = shown["_document"]
        world = worlds.get(str(document["environmentInstanceId"]))
        if "model" in selection:
            model = document["model"]
            shown["model"] = (
                None if model is None else self._model(found.get(Ref(Collections.MODELS, model["id"])), found)
            )
        if "environmentInstance" in selection:
            shown["environmentInstance"] = world
        if "environment" in selection:
            brought = found.get(Ref(Collections.ENVIRONMENTS, str(document["environmentId"])))
            shown["environment"] = (
                world["environment"] if world is not None else projection.environment(brought, self._principal)
            )
        if "compute" in selection:
            offered = found.get(CONFIGURATION, {}).get("computes", [])
            match = [projection.compute(each) for each in offered if each["id"] == document["computeId"]]
            shown["compute"] = match[0] if match else None
        _attach_side_documents(shown, selection, found)

    def _model(self, document: Document | None, probes: dict[Ref, Document]) -> Shown | None:
        """Projects a model with what a probe of its very revision has learnt."""
        shown = projection.model(document, self._principal)
        if shown is None:
            return None
        probe = probes.get(Ref(Collections.PROBES, shown["id"]))
        if probe is not None and probe["revision"] == shown["revision"]:
            learnt = stored.manifest(probe["manifestJson"], shown["id"])
            for name in ("inputs", "outputs", "trainable", "architecture"):
                shown[name] = learnt.get(name)
            shown["findings"] = [*shown["findings"], *(learnt.get("findings") or ())]
        return shown


def _around_instance(shown: Shown, selection: Selection) -> list[Ref]:
    document: InstanceDoc = shown["_document"]
    refs: list[Ref] = []
    model = document["model"]
    if "model" in selection and model is not None:
        refs.append(Ref(Collections.MODELS, model["id"]))
        if _needs_probe(selection["model"]):
            refs.append(Ref(Collections.PROBES, model["id"]))
    if "environmentInstance" in selection or "environment" in selection:
        refs += _joined(shown)
    if "environment" in selection and document["environmentId"] is not None:
        refs.append(Ref(Collections.ENVIRONMENTS, document["environmentId"]))
    if "compute" in selection:
        refs.append(CONFIGURATION)
    return refs + _side_documents(shown, selection)


def _joined(shown: Shown) -> list[Ref]:
    world_id = shown["_document"]["environmentInstanceId"]
    return [] if world_id is None else [Ref(Collections.ENVIRONMENT_INSTANCES, world_id)]


def _side_documents(shown: Shown, selection: Selection) -> list[Ref]:
    if not shown["_observes"]:
        return []
    wanted = [
        (Collections.MANIFESTS, not _FROM_MANIFEST.isdisjoint(selection)),
        (Collections.THUMBNAILS, "thumbnail" in selection),
        (Collections.SERIES, "metrics" in selection),
    ]
    return [Ref(collection, shown["id"]) for collection, selected in wanted if selected]


def _attach_side_documents(shown: Shown, selection: Selection, found: dict[Ref, Document]) -> None:
    brought = found.get(Ref(Collections.MANIFESTS, shown["id"]))
    manifest = {} if brought is None else stored.manifest(brought["manifestJson"], shown["id"])
    shown["_signals"] = manifest.get("signals") or []
    if "architecture" in selection:
        shown["architecture"] = manifest.get("architecture")
    if "thumbnail" in selection:
        shown["thumbnail"] = found.get(Ref(Collections.THUMBNAILS, shown["id"]))
    if "metrics" in selection:
        series = found.get(Ref(Collections.SERIES, shown["id"]))
        shown["_seriesJson"] = None if series is None else series["seriesJson"]


def _needs_probe(selection: Selection) -> bool:
    return not _FROM_PROBE.isdisjoint(selection)


def _gone(document: InstanceDoc) -> Shown:
    """Stands for a kind of world that has left the configuration while one of them is remembered."""
    return {
        "__typename": "Environment",
        "id": cast(Any, document["environmentId"]),
        "name": document["environmentName"] or "",
        "type": "removed",
        "parameters": [],
        "maxInstances": None,
        "maxConnected": 1,
        "autostart": False,
        "viewerCan": [],
    }
