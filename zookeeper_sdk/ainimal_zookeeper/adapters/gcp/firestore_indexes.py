"""Indexes of Firestore, made of the declared queries: `python -m ainimal_zookeeper.adapters.gcp.firestore_indexes`.

Firestore answers a query from one index alone. Of each field it keeps one by itself; a query that compares fields and
is ordered by another needs a composite one, in its own direction: Firestore does not read an index backwards. What is
big, changes often or grows with time, and is never asked for, is exempt from the indexes of its own, which cost time at
each write and limit how many there can be in a second.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ainimal_zookeeper.domain.documents import EXPIRES_AT, Collections
from ainimal_zookeeper.domain.queries import DECLARED, Query

Mode = Literal["ASCENDING", "DESCENDING", "CONTAINS"]


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an index; `path` is dotted, or `__name__` for the document's id."""

    path: str
    mode: Mode

    def to_json(self) -> dict[str, str]:
        return {"fieldPath": self.path, "arrayConfig" if self.mode == "CONTAINS" else "order": self.mode}


@dataclass(frozen=True, slots=True)
class Index:
    """A composite index; the last field is `__name__`, which breaks ties."""

    collection: str
    fields: tuple[Field, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "collectionGroup": self.collection,
            "queryScope": "COLLECTION",
            "fields": [field.to_json() for field in self.fields],
        }


_OF_ROWS = (
    *(
        f"desired.{name}"
        for name in (
            "control",
            "mode",
            "overrides",
            "phase",
            "rate",
            "recording",
            "resets",
            "save",
            "saveLast",
            "steps",
        )
    ),
    *(f"desired.restore.{name}" for name in ("authorId", "id", "tag")),
    *(f"desired.restore.point.{name}" for name in ("episode", "object", "sha256", "sizeBytes", "step")),
    "environmentParametersJson",
    "notes",
    "parametersJson",
    "startPoint",
    "status.acknowledgedAtStep",
    "status.attemptStartedAt",
    "status.control",
    "status.endedAt",
    "status.failure",
    "status.heartbeatAt",
    "status.lastSequence",
    "status.liveAddress",
    "status.logLines",
    "status.observedGeneration",
    "status.overrides",
    "status.previewPaths",
    "status.save",
    "status.stage",
    "status.startedAt",
    "status.stats",
    "status.stoppingAt",
)

EXEMPT: Mapping[str, tuple[str, ...]] = {
    Collections.CONFIGURATION: ("computes",),
    Collections.MODELS: ("code", "defect", "description", "findings", "parameters", "source", "specJson", "uploaded"),
    Collections.ENVIRONMENTS: ("parameters", "specJson"),
    Collections.PROBES: ("manifestJson",),
    Collections.INSTANCES: _OF_ROWS,
    Collections.ENVIRONMENT_INSTANCES: _OF_ROWS,
    Collections.MANIFESTS: ("manifestJson",),
    Collections.SERIES: ("seriesJson",),
    Collections.THUMBNAILS: ("data", "step"),
    Collections.LOGS: ("firstLine", "lines"),
    Collections.EVENTS: ("message",),
    Collections.LIMITS: ("members",),
    Collections.COMMANDS: ("digest", EXPIRES_AT),
    Collections.CHECKPOINTS: ("code", "object", "parametersJson", "parents", "sha256", "sizeBytes"),
    Collections.UPLOADS: ("filename", "object", "sha256", "sizeBytes"),
    Collections.SCANS: ("findings",),
    Collections.DISCARDED: ("object", "tag"),
    Collections.WITHDRAWN: ("tag", "target"),
    Collections.RECORDINGS: ("asked", "failure", "prefix", "signals", "sizeBytes"),
    Collections.SEGMENTS: ("indexJson", "name", "sha256", "sizeBytes"),
    Collections.ANNOTATIONS: ("text",),
    Collections.DUTIES: ("told",),
}
"""Fields without an index of their own, by collection; what lies below one is exempt, too."""

EXPIRING = (Collections.COMMANDS,)
"""Collections whose documents Firestore may delete once their `expiresAt` has passed: a TTL policy."""


def index_of(query: Query) -> Index | None:
    """Returns the composite index that `query` needs; None where those of single fields do."""
    if not query.where or query.order_by is None:
        return None
    mode: Mode = "DESCENDING" if query.descending else "ASCENDING"
    compared = [
        Field(condition.field, "CONTAINS" if condition.operator == "array_contains" else "ASCENDING")
        for condition in query.where
    ]
    return Index(query.collection, (*compared, Field(query.order_by, mode), Field("__name__", mode)))


def indexes(queries: Iterable[Query] = DECLARED) -> list[Index]:
    """Returns the composite indexes of all `queries`, each once, in a stable order."""
    made = {index for query in queries if (index := index_of(query)) is not None}
    return sorted(made, key=lambda index: (index.collection, [(field.path, field.mode) for field in index.fields]))


def document() -> dict[str, Any]:
    """Returns all of it in the shape of Firebase's `firestore.indexes.json`."""
    return {
        "indexes": [index.to_json() for index in indexes()],
        "fieldOverrides": [
            {"collectionGroup": collection, "fieldPath": path, "indexes": [], **_policy(collection, path)}
            for collection, paths in sorted(EXEMPT.items())
            for path in paths
        ],
    }


def _policy(collection: str, path: str) -> dict[str, bool]:
    return {"ttl": True} if collection in EXPIRING and path == EXPIRES_AT else {}


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    print()  # noqa: T201 - the end of the file that this is written into
