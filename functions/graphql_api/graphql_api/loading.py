"""Loading: rows and all that the request selects around them, by one call of the store per level.

A list of twenty instances with their models and pictures is the query for the rows and one `get_many`, however many
kinds of documents that touches. What a row says itself, the name of its world's kind for one, is not read again: the
list that the home page shows is the query alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ainimal_zookeeper.domain import limits
from ainimal_zookeeper.domain.access import Principal, Resource, decide
from ainimal_zookeeper.domain.documents import (
    FINAL_PHASES,
    PACKED,
    Collections,
    Document,
    InstanceDoc,
    Ref,
    instance_ref,
)
from ainimal_zookeeper.domain.lifecycle import checkpoint_of, wanted_recording

from . import projection, stored
from .limits import MAX_PAGE
from .projection import Shown
from .records import CONFIGURATION, Records
from .selection import Selection

_IN_ROW = frozenset({"__typename", "id", "name"})  # of the kind of its world
_FROM_PROBE = frozenset({"inputs", "outputs", "trainable", "architecture", "findings"})
_FROM_SCAN = frozenset({"findings", "scan"})
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
        if "compute" in selection:
            found[CONFIGURATION] = await self._records.configuration()
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
            if _wants_kind(each, selection):
                refs.append(Ref(Collections.ENVIRONMENTS, each["_document"]["environmentId"]))
            if "connected" in selection:
                refs.append(_seats(each))
            refs += _side_documents(each, selection)
        around = await self._records.get_many(refs)
        if "connected" in selection:
            await self._attach_guests(shown, selection["connected"], around)
        for each in shown:
            if "environment" in selection:
                document: InstanceDoc = each["_document"]
                each["environment"] = self._kind(document, around) or _named(document)
            _attach_side_documents(each, selection, around)
        return shown

    async def checkpoints(self, documents: Sequence[Document], selection: Selection) -> list[Shown]:
        """Returns the visible ones, in order: a document says all that there is to show."""
        del selection
        found = [projection.checkpoint(document, self._principal) for document in documents]
        return [each for each in found if each is not None]

    async def recordings(self, documents: Sequence[Document], selection: Selection) -> list[Shown]:
        """Returns the visible ones, in order: but for `access`, a document says all that there is to show."""
        del selection
        found = [projection.recording(document, self._principal) for document in documents]
        return [each for each in found if each is not None]

    async def models(self, documents: Sequence[Document], selection: Selection) -> list[Shown]:
        """Returns the visible ones, in order."""
        refs = [ref for document in documents for ref in _around_model(document["id"], document["type"], selection)]
        around = await self._records.get_many(refs)
        found = [self._model(document, around) for document in documents]
        return [each for each in found if each is not None]

    async def _attach_guests(self, worlds: list[Shown], selection: Selection, around: dict[Ref, Document]) -> None:
        """Attaches the instances that have not ended to the worlds they are in, newest first."""
        seated = {world["id"]: around.get(_seats(world), {}).get("members", ())[:MAX_PAGE] for world in worlds}
        found = await self._records.get_many([instance_ref(guest) for members in seated.values() for guest in members])
        alive = [document for document in found.values() if document["status"]["phase"] not in FINAL_PHASES]
        alive.sort(key=lambda document: (document["createdAt"], document["id"]), reverse=True)
        guests = await self.instances(alive, selection)
        for world in worlds:
            world["connected"] = [guest for guest in guests if guest["id"] in seated[world["id"]]]

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
            shown["environment"] = world["environment"] if world is not None else self._kind(document, found)
        if "latestCheckpoint" in selection:
            ref = _latest_checkpoint(shown)
            shown["latestCheckpoint"] = None if ref is None else projection.checkpoint(found.get(ref), self._principal)
        if "recording" in selection:
            ref = _open_recording(shown)
            recorded = None if ref is None else projection.recording(found.get(ref), self._principal)
            shown["recording"] = recorded if recorded is not None and recorded["phase"] == "OPEN" else None
        if "compute" in selection:
            offered = found.get(CONFIGURATION, {}).get("computes", [])
            match = [projection.compute(each) for each in offered if each["id"] == document["computeId"]]
            shown["compute"] = match[0] if match else None
        _attach_side_documents(shown, selection, found)

    def _kind(self, document: InstanceDoc, found: dict[Ref, Document]) -> Shown | None:
        """Returns the kind of the world that a row brings or is; by its name alone where nothing else was loaded."""
        kind_id = document["environmentId"]
        if kind_id is None or not decide(self._principal, "SEE", Resource("environment", kind_id)):
            return None
        brought = found.get(Ref(Collections.ENVIRONMENTS, kind_id))
        return projection.environment(brought, self._principal) or _named(document)

    def _model(self, document: Document | None, around: dict[Ref, Document]) -> Shown | None:
        """Projects a model with what a probe and a scan of its very revision have learnt."""
        shown = projection.model(document, self._principal)
        if shown is None:
            return None
        scan = around.get(Ref(Collections.SCANS, shown["id"]))
        if scan is not None and scan["revision"] == shown["revision"] and shown["scan"] is not None:
            shown["scan"] = scan["verdict"]
            shown["findings"] = [*shown["findings"], *scan["findings"]]
        probe = around.get(Ref(Collections.PROBES, shown["id"]))
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
        refs += _around_model(model["id"], None, selection["model"])
    if "environmentInstance" in selection or "environment" in selection:
        refs += _joined(shown)
    checkpoint = _latest_checkpoint(shown) if "latestCheckpoint" in selection else None
    if checkpoint is not None:
        refs.append(checkpoint)
    recording = _open_recording(shown) if "recording" in selection else None
    if recording is not None:
        refs.append(recording)
    if document["environmentId"] is not None and _wants_kind(shown, selection):
        refs.append(Ref(Collections.ENVIRONMENTS, document["environmentId"]))
    return refs + _side_documents(shown, selection)


def _wants_kind(shown: Shown, selection: Selection) -> bool:
    """Tells whether more of the kind of a world is selected than its row says."""
    selected = selection.get("environment", {})
    return not selected.keys() <= _IN_ROW or (bool(selected) and shown["_document"]["environmentName"] is None)


def _latest_checkpoint(shown: Shown) -> Ref | None:
    point = checkpoint_of(shown["_document"])
    checkpoint_id = None if point is None else point.get("checkpointId")
    return None if checkpoint_id is None else Ref(Collections.CHECKPOINTS, checkpoint_id)


def _open_recording(shown: Shown) -> Ref | None:
    request = wanted_recording(shown["_document"])
    return None if request is None else Ref(Collections.RECORDINGS, request["id"])


def _seats(world: Shown) -> Ref:
    return Ref(Collections.LIMITS, limits.of_world(world["id"]))


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


def _around_model(id: str, of_type: str | None, selection: Selection) -> list[Ref]:
    """Returns where more of a model is that is selected; `of_type` is None where nobody knows it yet."""
    wanted = [
        (Collections.PROBES, not _FROM_PROBE.isdisjoint(selection)),
        (Collections.SCANS, of_type in {None, *PACKED} and not _FROM_SCAN.isdisjoint(selection)),
    ]
    return [Ref(collection, id) for collection, selected in wanted if selected]


def _named(document: InstanceDoc) -> Shown:
    """Stands for a kind of world of which only the name is asked, or that has left the configuration."""
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
