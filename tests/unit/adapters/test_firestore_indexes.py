"""Which indexes Firestore is given: those that the declared queries need, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args, get_type_hints, is_typeddict

import pytest
from ainimal_zookeeper.adapters.gcp.firestore_indexes import EXEMPT, Field, Index, document, indexes
from ainimal_zookeeper.domain import documents
from ainimal_zookeeper.domain.documents import Collections
from ainimal_zookeeper.domain.queries import DECLARED, Condition, Query

COMMITTED = Path(__file__).parents[3] / "infra/firestore.indexes.json"
SHAPES = {
    Collections.CONFIGURATION: documents.ConfigurationDoc,
    Collections.MODELS: documents.ModelDoc,
    Collections.ENVIRONMENTS: documents.EnvironmentDoc,
    Collections.PROBES: documents.ProbeDoc,
    Collections.INSTANCES: documents.InstanceDoc,
    Collections.ENVIRONMENT_INSTANCES: documents.InstanceDoc,
    Collections.MANIFESTS: documents.ManifestDoc,
    Collections.SERIES: documents.SeriesDoc,
    Collections.THUMBNAILS: documents.ThumbnailDoc,
    Collections.LOGS: documents.LogChunkDoc,
    Collections.EVENTS: documents.EventDoc,
    Collections.LIMITS: documents.LimitDoc,
    Collections.COMMANDS: documents.CommandDoc,
    Collections.CHECKPOINTS: documents.CheckpointDoc,
    Collections.UPLOADS: documents.UploadDoc,
    Collections.SCANS: documents.ScanDoc,
    Collections.DISCARDED: documents.DiscardDoc,
    Collections.WITHDRAWN: documents.WithdrawalDoc,
    Collections.RECORDINGS: documents.RecordingDoc,
    Collections.SEGMENTS: documents.SegmentDoc,
    Collections.ANNOTATIONS: documents.AnnotationDoc,
    Collections.DUTIES: documents.DeadLettersDoc,
}


def test_committed_file_is_up_to_date() -> None:
    """What is deployed is what the queries of this version need."""
    assert json.loads(COMMITTED.read_text("utf-8")) == document(), "make indexes writes it anew"


@pytest.mark.parametrize("query", DECLARED, ids=lambda query: query.name)
def test_every_declared_query_is_answered_by_one_index(query: Query) -> None:
    """By a composite one, or by the one that a field has by itself; no field that is asked for lacks its own."""
    assert serves(indexes(), query)


@pytest.mark.parametrize("query", [query for query in DECLARED if query.where], ids=lambda query: query.name)
def test_no_index_is_there_for_nothing(query: Query) -> None:
    """Without the composite indexes these queries would be refused."""
    assert not serves([], query)


def test_directions_and_lists() -> None:
    """Ties are broken in the direction of the order, and a list is looked into."""
    where = (Condition("a.b", "in", "b"), Condition("c", "array_contains", "c"))
    assert indexes([Query("q", "things", where, "at", descending=True), Query("r", "things", order_by="at")]) == [
        Index(
            "things",
            (
                Field("a.b", "ASCENDING"),
                Field("c", "CONTAINS"),
                Field("at", "DESCENDING"),
                Field("__name__", "DESCENDING"),
            ),
        )
    ]


@pytest.mark.parametrize("query", DECLARED, ids=lambda query: query.name)
def test_nothing_that_is_asked_for_is_exempt(query: Query) -> None:
    """Neither a field of a query nor what it lies in."""
    asked = {condition.field for condition in query.where} | {query.order_by}
    for path in EXEMPT[query.collection]:
        assert not any(field is not None and f"{field}.".startswith(f"{path}.") for field in asked)


def test_exempt_fields_exist() -> None:
    """A field that was renamed would be indexed again without a word."""
    for collection, paths in EXEMPT.items():
        for path in paths:
            shape: Any = SHAPES[collection]
            for name in path.split("."):
                present = [one for one in get_args(shape) if is_typeddict(one)]  # of one that may be None
                shape = present[0] if present else shape
                assert is_typeddict(shape), path
                shape = get_type_hints(shape)[name]


def test_what_expires_has_a_policy() -> None:
    """Each collection whose documents say when they may go, and no other."""
    expiring = {collection for collection, shape in SHAPES.items() if documents.EXPIRES_AT in get_type_hints(shape)}
    told = {(one["collectionGroup"], one["fieldPath"]) for one in document()["fieldOverrides"] if one.get("ttl")}
    assert told == {(collection, documents.EXPIRES_AT) for collection in expiring}


def test_texts_that_hold_json_are_exempt() -> None:
    """They are big, and a text of more than 1500 bytes in an index counts against a document's limits."""
    for collection, shape in SHAPES.items():
        big = {name for name in get_type_hints(shape) if name.endswith("Json")}
        assert big <= set(EXEMPT[collection])


def serves(composite: list[Index], query: Query) -> bool:
    """Tells whether Firestore would answer `query`, by its own rules: all from one index, in the index's order."""
    direction = "DESCENDING" if query.descending else "ASCENDING"
    order = [(path, direction) for path in (query.order_by, "__name__") if path is not None]
    compared = {
        (condition.field, "CONTAINS" if condition.operator == "array_contains" else "ASCENDING")
        for condition in query.where
    }
    if not compared or query.order_by is None:
        single = query.order_by or next(iter(compared), ("", ""))[0]
        return single not in EXEMPT[query.collection]
    for index in composite:
        fields = [(field.path, field.mode) for field in index.fields]
        prefix, rest = set(fields[: len(compared)]), fields[len(compared) :]
        if (index.collection, prefix, rest) == (query.collection, compared, order):
            return True
    return False
