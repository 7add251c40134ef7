"""Declared queries in Firestore's words: questions, places in their order, and ids of documents."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from google.cloud import firestore
from google.cloud.firestore import FieldFilter

from ainimal_zookeeper.domain import cursors
from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.queries import BoundQuery, Page, Query, require_declared

_ID = "__name__"
_RESERVED = re.compile(r"\.{1,2}|__.*__", re.DOTALL)
_LONGEST_NAME = 1500  # bytes


def document_id(id: str) -> str:
    """Returns the name under which Firestore keeps the document `id`: the same, unless it cannot be one there."""
    name = id.replace("%", "%25").replace("/", "%2F")
    if _RESERVED.fullmatch(name):
        return f"%{ord(name[0]):02X}{name[1:]}"
    # Nothing else is called so: behind a % stand two digits.
    return name if _is_name(name) else f"%%{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def question(client: firestore.Client, bound: BoundQuery) -> firestore.Query | None:
    """Returns what to ask of Firestore; None where nothing can match.

    Raises: RuntimeError for a query that is not declared, although an emulator would run it.
    """
    query = bound.query
    require_declared(query)
    asked: Any = client.collection(query.collection)
    arguments = bound.arguments
    for condition in query.where:
        value = arguments[condition.argument]
        if condition.operator == "in":
            value = list(dict.fromkeys(value))
            if not value:
                return None
        asked = asked.where(filter=FieldFilter(condition.field, condition.operator, value))
    return asked if query.order_by is None else asked.order_by(query.order_by, direction=_direction(query))


def page_of(query: Query, asked: firestore.Query, page: Page) -> firestore.Query:
    """Returns the question for the page and one document more. Raises: InvalidInput for a cursor of something else."""
    # Firestore breaks ties in the same way by itself; a cursor can only speak of what is said.
    asked = asked.order_by(_ID, direction=_direction(query)).limit(page.first + 1)
    return asked if page.after is None else asked.start_after(_place(query, page.after))


def in_order(query: Query, snapshots: Iterable[firestore.DocumentSnapshot]) -> tuple[firestore.DocumentSnapshot, ...]:
    """Returns the documents in the query's order, which the library's watches do not keep where it descends."""

    def key(snapshot: firestore.DocumentSnapshot) -> tuple[bool, Any, str]:
        value = 0 if query.order_by is None else snapshot.get(query.order_by)
        return isinstance(value, str), value, snapshot.id

    return tuple(sorted(snapshots, key=key, reverse=query.descending))


def cursor(query: Query, document: Document, id: str) -> str:
    """Returns the place behind the document, which is called `id` in Firestore."""
    return cursors.cursor(query, None if query.order_by is None else document[query.order_by], id)


def _direction(query: Query) -> str:
    return firestore.Query.DESCENDING if query.descending else firestore.Query.ASCENDING


def _place(query: Query, text: str) -> dict[str, Any]:
    value, last = cursors.place(query, text)
    if not _is_name(last):
        raise InvalidInput("the cursor is none of this zoo's; take one from a page", ("after",))
    return {_ID: last} if query.order_by is None else {query.order_by: value, _ID: last}


def _is_name(text: str) -> bool:
    """Tells whether Firestore can call a document so."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= _LONGEST_NAME and "/" not in text and _RESERVED.fullmatch(text) is None
