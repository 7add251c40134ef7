"""Replays: what a runner must know of the recording that it replays."""

from __future__ import annotations

import json
from typing import Any, cast

from ainimal_zookeeper.domain.documents import (
    Collections,
    Document,
    InstanceDoc,
    ManifestDoc,
    RecordingDoc,
    Ref,
)
from ainimal_zookeeper.domain.errors import NotFound
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.store import Transaction

_SIGNALS = ("inputs", "outputs", "action", "env")


def part(transaction: Transaction, document: InstanceDoc) -> dict[str, Any] | None:
    """Returns the `replay` of a launch but for the links to the recording; None for one that replays nothing.

    Raises: NotFound, with what to do, where the recording or what it is of has been deleted.
    """
    replay = document.get("replay")
    if replay is None:
        return None
    recording = cast("RecordingDoc | None", transaction.get(Ref(Collections.RECORDINGS, replay["recordingId"])))
    if recording is None:
        raise NotFound(f"the recording {replay['recordingId']} has been deleted; replay another one")
    source = recording["instanceId"]
    manifest: Document | None = transaction.get(Ref(Collections.MANIFESTS, source))
    if manifest is None:
        raise NotFound(
            f"the instance {source}, of which {recording['id']} is, has been deleted; its recording can be read and "
            "exported, and not replayed"
        )
    signals = json.loads(cast(ManifestDoc, manifest)["manifestJson"]).get("signals") or []
    return {
        **{key: value for key, value in replay.items() if key != "report"},
        "prefix": recording["prefix"],
        "signals": [signal for signal in signals if signal["path"].partition(".")[0] in _SIGNALS],
    }


def with_links(replay: dict[str, Any], bucket: Bucket) -> dict[str, Any]:
    """Returns the `replay` of a launch, with where the objects of its recording are to be read."""
    share = bucket.share(replay["prefix"])
    said = {key: value for key, value in replay.items() if key != "prefix"}
    return {**said, "baseUrl": share.base_url, "headers": dict(share.headers)}
