"""Recordings as the API and runners write them down, for tests of what becomes of them."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, cast

from ainimal_zookeeper.domain.documents import Collections, Document, RecordingDoc, Ref
from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.ports.store import DocumentStore

CHANNELS = [
    {"path": "zoo.steps", "dtype": "int64", "shape": [], "kind": "scalar"},
    {"path": "zoo.times", "dtype": "int64", "shape": [], "kind": "scalar"},
    {"path": "action", "dtype": "float32", "shape": [1], "kind": "vector"},
]


def add(store: DocumentStore, now: datetime, id: str = "rec_1", **changes: Any) -> RecordingDoc:
    """Writes a recording of `ins_1` that was just asked for."""
    document: RecordingDoc = {
        "id": id,
        "instanceId": "ins_1",
        "instanceName": "ins_1",
        "modelId": "mod_learner",
        "ownerId": None,
        "authorId": None,
        "attempt": 1,
        "timeline": 1,
        "phase": "OPEN",
        "asked": None,
        "signals": [],
        "firstStep": 0,
        "lastStep": 0,
        "firstAt": None,
        "lastAt": None,
        "sizeBytes": 0,
        "droppedSteps": 0,
        "createdAt": timestamp(now),
        "sealedAt": None,
        "checkpointId": None,
        "prefix": f"runs/ins_1/1/recordings/{id}/",
        "kind": "ASKED",
        "failure": None,
    }
    written = cast(Document, {**document, **changes})
    store.transact(lambda transaction: transaction.put(Ref(Collections.RECORDINGS, id), written))
    return cast(RecordingDoc, written)


def read(store: DocumentStore, id: str = "rec_1") -> RecordingDoc:
    found = store.get(Ref(Collections.RECORDINGS, id))
    assert found is not None
    return cast(RecordingDoc, found)


def arrived(number: int, first: int, last: int, tail: int | None = None, **changes: Any) -> dict[str, Any]:
    """Returns what a runner says of a segment with the steps from `first` to `last`, of 1000 bytes and 1 ms a step."""
    name = f"{number:06d}.mcap" if tail is None else f"{number:06d}.{tail:03d}.mcap"
    index = {
        "kind": "segment",
        "version": 1,
        "name": name,
        "number": number,
        "tail": tail,
        "timeline": 1,
        "firstStep": first,
        "lastStep": last,
        "firstTime": 1_700_000_000_000_000 + first * 1000,
        "lastTime": 1_700_000_000_000_000 + last * 1000,
        "steps": last - first + 1,
        "channels": CHANNELS,
        "batches": [[first, last, last - first + 1, first * 1000, last * 1000]],
        "groups": {"scalar": [[100, 10, 10]], "vector": [[200, 20]]},
        "events": None,
        "sizeBytes": 1000,
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
    }
    return {"number": number, "tail": tail, "tails": 0, "index": index, **changes}


def segments(store: DocumentStore, *said: dict[str, Any], id: str = "rec_1") -> None:
    """Writes down segments as the runner link does."""
    for one in said:
        tail = "" if one["tail"] is None else f"-{one['tail']:03d}"
        document = {
            "id": f"{id}-{one['number']:06d}{tail}",
            "recordingId": id,
            "order": one["number"] * 1_000_000 + (0 if one["tail"] is None else one["tail"] + 1),
            "number": one["number"],
            "tail": one["tail"],
            "name": one["index"]["name"],
            "sizeBytes": 1000,
            "sha256": one["index"]["sha256"],
            "indexJson": json.dumps(one["index"]),
        }
        ref = Ref(Collections.SEGMENTS, document["id"])
        store.transact(lambda transaction, ref=ref, document=document: transaction.put(ref, document))  # type: ignore[misc]
