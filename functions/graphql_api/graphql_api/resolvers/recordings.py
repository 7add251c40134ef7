"""Recordings and annotations: lists, how to read one, and what changes them."""

from __future__ import annotations

from typing import Any, cast

from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Collections, Document, RecordingDoc, Ref
from ainimal_zookeeper.domain.lifecycle import timestamp

from .. import connections, projection
from ..context import Fields, Info, of, selected
from ..limits import MAX_PAGE, page_size
from ..projection import Shown
from ..testimony import refusal
from .commands import Input, _id_of, _instance, _instance_id, mutation


async def recordings(
    _: Any,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    instanceId: str | None = None,  # noqa: N803
) -> Shown:
    context, selection = of(info), selected(info)
    everywhere = queries.RECORDINGS.bind()
    query = everywhere if instanceId is None else queries.RECORDINGS_BY_INSTANCE.bind(instance_id=instanceId)
    found = await connections.page(context.zoo.records, query, page_size(first), after, None)
    count = await context.total(query) if "totalCount" in selection else None
    nodes = await context.loader.recordings(found.documents, selection.get("nodes", {}))
    return {"nodes": nodes, "pageInfo": found.page_info, "totalCount": count}


async def recording(_: Any, info: Info, id: str) -> Shown | None:
    context = of(info)
    return projection.recording(await context.zoo.records.get(Ref(Collections.RECORDINGS, id)), context.principal)


async def access(parent: Shown, info: Info) -> Shown | None:
    """Signs nothing for whoever may not observe all that is in it."""
    document = cast(RecordingDoc, parent["_document"])
    if document["phase"] == "OPEN" or not document["signals"] or not parent["_observes"]:
        return None
    zoo = of(info).zoo
    share = await zoo.records.run(zoo.recordings.share, document)
    return {"baseUrl": share.base_url, "headers": dict(share.headers), "expiresAt": timestamp(share.expires_at)}


async def annotations_of(parent: Shown, info: Info) -> list[Shown]:
    context = of(info)
    if not parent["_observes"]:
        return []
    query = queries.ANNOTATIONS_BY_INSTANCE.bind(instance_id=parent["id"])
    found = await context.zoo.records.query(query, queries.Page(MAX_PAGE))
    return [projection.annotation(document) for document in found.documents]


async def _shown(info: Info, document: RecordingDoc) -> Shown:
    return {"recording": projection.recording(cast(Document, document), of(info).principal)}


@mutation
async def recording_start(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    _instance_id(input)
    row, asked = await zoo.records.run(zoo.recordings.start, principal, input)
    zoo.links.tell(row)
    return await _shown(info, await _unless_nothing(info, await zoo.sealing.begun(asked)))


@mutation
async def recording_stop(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    asked = _id_of(input, "recordingId", "rec_", "recording")
    row, document = await zoo.records.run(zoo.recordings.stop, principal, asked)
    if row is not None:
        zoo.links.tell(row)
    return await _shown(info, await zoo.sealing.closed(document))


@mutation
async def recording_save_last(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    _instance_id(input)
    row, asked = await zoo.records.run(zoo.recordings.save_last, principal, input)
    zoo.links.tell(row)
    return await _shown(info, await _unless_nothing(info, await zoo.sealing.closed(asked)))


async def _unless_nothing(info: Info, document: RecordingDoc) -> RecordingDoc:
    """Raises: why a recording that was just asked for has become nothing; then there is none."""
    failure, zoo = document["failure"], of(info).zoo
    if failure is None or document["sizeBytes"]:
        return document
    await zoo.records.run(zoo.recordings.forget, document)
    raise refusal(failure["code"], failure["message"])


@mutation
async def recording_delete(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    deleted = _id_of(input, "recordingId", "rec_", "recording")
    await zoo.records.run(zoo.recordings.delete, principal, deleted)
    return {"deletedId": deleted}


@mutation
async def recording_replay(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    _id_of(input, "recordingId", "rec_", "recording")
    return await _instance(info, await zoo.records.run(zoo.replays.replay, principal, input))


@mutation
async def annotation_create(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    _instance_id(input)
    made = await zoo.records.run(zoo.annotations.create, principal, input)
    return {"annotation": projection.annotation(cast(Document, made))}


@mutation
async def annotation_delete(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    deleted = _id_of(input, "annotationId", "ann_", "annotation")
    await zoo.records.run(zoo.annotations.delete, principal, deleted)
    return {"deletedId": deleted}


RESOLVERS: Fields = {
    "Query": {"recordings": recordings, "recording": recording},
    "Recording": {"access": access},
    "Instance": {"annotations": annotations_of},
    "Mutation": {
        "recordingStart": recording_start,
        "recordingStop": recording_stop,
        "recordingSaveLast": recording_save_last,
        "recordingDelete": recording_delete,
        "recordingReplay": recording_replay,
        "annotationCreate": annotation_create,
        "annotationDelete": annotation_delete,
    },
}
