"""Cursors: places in the answer to a query, as text that clients keep and bring back, trusted in none of it."""

from __future__ import annotations

import base64
import json
from typing import Any

from .errors import InvalidInput
from .queries import Query


def cursor(query: Query, value: Any, name: str) -> str:
    """Returns the place behind the document that the store calls `name` and that has `value` in the query's order."""
    return base64.urlsafe_b64encode(json.dumps([query.name, value, name]).encode()).decode()


def place(query: Query, text: str) -> tuple[Any, str]:
    """Returns value and name: a text, a number that fits 64 bits, a flag or null; and a text that is not empty.

    Raises: InvalidInput for what no store can have made, and for a cursor of another query.
    """
    try:
        asked, value, name = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, TypeError, RecursionError):
        raise _none(text) from None
    if asked != query.name:
        raise InvalidInput(
            f"the cursor is of the query {str(asked)[:40]}, not {query.name}; start at the first page", ("after",)
        )
    if not (_is_value(value) and isinstance(name, str) and name and _is_value(name)):
        raise _none(text)
    return value, name


def _is_value(value: Any) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    return value is None or isinstance(value, float)


def _none(text: str) -> InvalidInput:
    return InvalidInput(f"cursor {text[:100]!r} is none of this zoo's; take one from a page", ("after",))
