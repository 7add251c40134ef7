"""Files that become models."""

from __future__ import annotations

from typing import cast

from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.lifecycle import timestamp

from ..context import Fields, Info, of, selected
from ..projection import Shown
from .commands import Input, mutation


@mutation
async def upload_create(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    ticket = await zoo.records.run(zoo.uploads.create, principal, input)
    return {
        "uploadId": ticket.upload_id,
        "url": ticket.link.url,
        "headers": dict(ticket.link.headers),
        "expiresAt": timestamp(ticket.link.expires_at),
    }


@mutation
async def model_create(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    made = await zoo.records.run(zoo.uploads.make, principal, input)
    shown = await of(info).loader.models([cast(Document, made)], selected(info).get("model", {}))
    return {"model": shown[0] if shown else None}


RESOLVERS: Fields = {"Mutation": {"uploadCreate": upload_create, "modelCreate": model_create}}
