"""The index of the SQLite store: which rows a document has in it, and which of them a query reads.

A row is (query, key, place): `key` is the JSON list of what the query's conditions compare with, `place` what it is
ordered by. A document that a query cannot see has none; one whose list is searched has one for each element.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from typing import Any, NamedTuple

from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.queries import DECLARED, BoundQuery, Condition, Query, require_declared

_BY_COLLECTION: dict[str, list[Query]] = {}
for _query in DECLARED:
    _BY_COLLECTION.setdefault(_query.collection, []).append(_query)

DECLARATIONS = json.dumps([repr(query) for query in DECLARED])
"""Changes when the declarations do: then the index has to be built anew."""


class Key(NamedTuple):
    """One range of the index, in the order of (place, id)."""

    query: str
    key: str


class Entry(NamedTuple):
    query: str
    key: str
    place: str | int | float


def entries(collection: str, document: Document) -> set[Entry]:
    """Returns the document's rows."""
    rows = set()
    for query in _BY_COLLECTION.get(collection, ()):
        place = 0 if query.order_by is None else _field(document, query.order_by)
        if not isinstance(place, str | int | float):
            continue
        for values in product(*(_values(document, condition) for condition in query.where)):
            rows.add(Entry(query.name, json.dumps(values), place))
    return rows


def keys(query: BoundQuery) -> list[Key]:
    """Returns the ranges that hold the query's documents, each document in one of them only.

    Raises: RuntimeError for a query that is not declared.
    """
    require_declared(query.query)
    arguments = query.arguments
    wanted: list[Iterable[Any]] = [
        dict.fromkeys(arguments[condition.argument]) if condition.operator == "in" else [arguments[condition.argument]]
        for condition in query.query.where
    ]
    return [Key(query.query.name, json.dumps(values)) for values in product(*wanted)]


def _values(document: Document, condition: Condition) -> Iterable[Any]:
    value = _field(document, condition.field)
    if condition.operator == "array_contains":
        return value if isinstance(value, list) else ()
    return () if isinstance(value, list | dict) else (value,)


def _field(document: Document, path: str) -> Any:
    """Returns the value at the dotted `path`; an empty dict, which matches nothing, when there is none."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name, {}) if isinstance(value, dict) else {}
    return value
