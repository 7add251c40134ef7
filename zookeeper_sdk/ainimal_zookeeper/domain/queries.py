"""Every query that the zoo asks of its store, declared once.

SQLite's indexes and Firestore's composite indexes are generated from these declarations; a store refuses any other.
Each query is ordered to the last: the document's id breaks ties, so that cursors never skip or repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .documents import Collections, Document

Operator = Literal["==", "in", "array_contains"]


@dataclass(frozen=True, slots=True)
class Condition:
    """`field` (dotted path) compared with a value that is given when the query is bound under `argument`."""

    field: str
    operator: Operator
    argument: str


@dataclass(frozen=True, slots=True)
class Query:
    """A declared question; `bind` fills in its arguments."""

    name: str
    collection: str
    where: tuple[Condition, ...] = ()
    order_by: str | None = None
    descending: bool = False

    def bind(self, **arguments: Any) -> BoundQuery:
        """Returns the query with a value for each condition.

        Raises: TypeError when an argument is missing or not of this query.
        """
        wanted = {condition.argument for condition in self.where}
        if wanted != set(arguments):
            raise TypeError(f"query {self.name} takes the arguments {sorted(wanted)}, not {sorted(arguments)}")
        return BoundQuery(self, tuple(sorted(arguments.items(), key=lambda item: item[0])))


@dataclass(frozen=True)
class BoundQuery:
    query: Query
    items: tuple[tuple[str, Any], ...]

    @property
    def arguments(self) -> Mapping[str, Any]:
        return dict(self.items)


@dataclass(frozen=True, slots=True)
class Page:
    """At most `first` documents, those behind the cursor `after`."""

    first: int = 20
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """Documents in the query's order; `cursors[i]` is the place behind `documents[i]`."""

    documents: tuple[Document, ...]
    cursors: tuple[str, ...]
    has_next: bool


def _newest(name: str, collection: str, *where: Condition) -> Query:
    return Query(name, collection, where, "createdAt", descending=True)


_PHASES = Condition("status.phase", "in", "phases")
_MODEL = Condition("model.id", "==", "model_id")
_ENVIRONMENT = Condition("environmentId", "==", "environment_id")

INSTANCES = _newest("instances", Collections.INSTANCES)
INSTANCES_BY_PHASE = _newest("instances_by_phase", Collections.INSTANCES, _PHASES)
INSTANCES_BY_MODEL = _newest("instances_by_model", Collections.INSTANCES, _MODEL)
INSTANCES_BY_KEYWORD = _newest(
    "instances_by_keyword", Collections.INSTANCES, Condition("keywords", "array_contains", "keyword")
)
INSTANCES_BY_TAG = _newest("instances_by_tag", Collections.INSTANCES, Condition("tags", "array_contains", "tag"))
ENVIRONMENT_INSTANCES = _newest("environment_instances", Collections.ENVIRONMENT_INSTANCES)
ENVIRONMENT_INSTANCES_BY_ENVIRONMENT = _newest(
    "environment_instances_by_environment", Collections.ENVIRONMENT_INSTANCES, _ENVIRONMENT
)
ENVIRONMENT_INSTANCES_BY_PHASE = _newest("environment_instances_by_phase", Collections.ENVIRONMENT_INSTANCES, _PHASES)
MODELS = Query("models", Collections.MODELS, order_by="name")
MODELS_BY_KEYWORD = Query(
    "models_by_keyword", Collections.MODELS, (Condition("keywords", "array_contains", "keyword"),), "name"
)
MODELS_BY_PROVIDER = Query(
    "models_by_provider", Collections.MODELS, (Condition("providerId", "==", "provider_id"),), "name"
)
MODELS_BY_TYPE = Query("models_by_type", Collections.MODELS, (Condition("type", "in", "types"),), "name")
ENVIRONMENTS = Query("environments", Collections.ENVIRONMENTS, order_by="name")
_INSTANCE = Condition("instanceId", "==", "instance_id")
CHECKPOINTS_BY_MODEL = _newest("checkpoints_by_model", Collections.CHECKPOINTS, Condition("modelId", "==", "model_id"))
CHECKPOINTS_BY_INSTANCE = _newest("checkpoints_by_instance", Collections.CHECKPOINTS, _INSTANCE)
CHECKPOINTS_IN_PASSING = _newest(  # those that the zoo has made by itself
    "checkpoints_in_passing",
    Collections.CHECKPOINTS,
    _INSTANCE,
    Condition("kept", "==", "kept"),
    Condition("kind", "in", "kinds"),
)
UPLOADS_OLDEST = Query("uploads_oldest", Collections.UPLOADS, order_by="createdAt")
CHECKPOINTS_TO_PUSH = Query(
    "checkpoints_to_push", Collections.CHECKPOINTS, (Condition("push", "==", "push"),), "createdAt"
)
DISCARDED = Query("discarded", Collections.DISCARDED, order_by="at")
WITHDRAWN = Query("withdrawn", Collections.WITHDRAWN, order_by="at")
INSTANCES_BY_CHECKPOINT = _newest(  # those whose next attempt would start from it
    "instances_by_checkpoint",
    Collections.INSTANCES,
    Condition("status.checkpoint.checkpointId", "==", "checkpoint_id"),
)
INSTANCES_BY_RESTORE = _newest(  # those that were asked last to go back to it
    "instances_by_restore",
    Collections.INSTANCES,
    Condition("desired.restore.point.checkpointId", "==", "checkpoint_id"),
)
RECORDINGS = _newest("recordings", Collections.RECORDINGS)
RECORDINGS_BY_INSTANCE = _newest("recordings_by_instance", Collections.RECORDINGS, _INSTANCE)
RECORDINGS_BY_PHASE = _newest("recordings_by_phase", Collections.RECORDINGS, Condition("phase", "==", "phase"))
SEGMENTS = Query("segments", Collections.SEGMENTS, (Condition("recordingId", "==", "recording_id"),), "order")
ANNOTATIONS_BY_INSTANCE = Query("annotations_by_instance", Collections.ANNOTATIONS, (_INSTANCE,), "step")
LOGS = Query("logs", Collections.LOGS, (Condition("instanceId", "==", "instance_id"),), "order")
EVENTS = Query("events", Collections.EVENTS, (Condition("resourceId", "==", "resource_id"),), "at", descending=True)

LOGS_TAIL = Query(
    "logs_tail", Collections.LOGS, (Condition("instanceId", "==", "instance_id"),), "order", descending=True
)
COMMANDS_OLDEST = Query("commands_oldest", Collections.COMMANDS, order_by="at")
EVENTS_NEWEST = Query("events_newest", Collections.EVENTS, order_by="at", descending=True)

DECLARED: tuple[Query, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Query))


def require_declared(query: Query) -> None:
    """Raises: RuntimeError for a query that is not declared."""
    if query not in DECLARED:
        raise RuntimeError(f"query {query.name} is not declared; add it to domain/queries.py")
