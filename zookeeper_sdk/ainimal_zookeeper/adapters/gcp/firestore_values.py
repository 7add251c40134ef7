"""Documents on Firestore's wire: JSON values to its `Value` messages and back.

The library's own conversion copies every document twice on its way and looks in each for types that no document of the
zoo has.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timezone
from typing import Any

from google.cloud.firestore_v1.types import document as wire

from ainimal_zookeeper.domain.documents import EXPIRES_AT, Document
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput
from ainimal_zookeeper.domain.lifecycle import moment, timestamp

WireDocument: Any = wire.Document.pb()


def encoded(name: str, document: Document) -> Any:
    """Returns the message of `document`. Raises: InvalidInput for a value that Firestore does not hold."""
    message = WireDocument(name=name)
    try:
        for key, value in document.items():
            if key == EXPIRES_AT:
                message.fields[key].timestamp_value.FromDatetime(moment(value))
            else:
                _encode(value, message.fields[key])
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"{name} cannot hold its {key!r}: {error}") from error
    return message


def decoded(message: Any) -> Document:
    """Returns a new document. Raises: DataCorrupt for values that the zoo does not write."""
    try:
        return {key: _DECODE[value.WhichOneof("value_type")](value) for key, value in message.fields.items()}
    except KeyError as error:
        raise DataCorrupt(
            f"{message.name} holds a {error}, which the zoo does not write; repair or delete the document"
        ) from None


def plain(document: Document) -> Document:
    """Returns `document`, which the library has decoded, with the values that `decoded` returns."""
    expires = document.get(EXPIRES_AT)
    return document if expires is None else {**document, EXPIRES_AT: timestamp(expires)}


def _encode(value: Any, into: Any) -> None:
    if value is None:
        into.null_value = 0
    elif isinstance(value, bool):
        into.boolean_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, int):
        into.integer_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, Mapping):
        into.map_value.SetInParent()
        fields = into.map_value.fields
        for key, inner in value.items():
            _encode(inner, fields[key])
    elif isinstance(value, list | tuple):
        into.array_value.SetInParent()
        values = into.array_value.values
        for inner in value:
            _encode(inner, values.add())
    else:
        raise TypeError(f"{type(value).__name__} is no JSON value")


def _map(value: Any) -> Document:
    return {key: _DECODE[inner.WhichOneof("value_type")](inner) for key, inner in value.map_value.fields.items()}


def _list(value: Any) -> list[Any]:
    return [_DECODE[inner.WhichOneof("value_type")](inner) for inner in value.array_value.values]


_DECODE: Mapping[str | None, Any] = {
    "null_value": lambda _: None,
    "boolean_value": lambda value: value.boolean_value,
    "integer_value": lambda value: value.integer_value,
    "double_value": lambda value: value.double_value,
    "string_value": lambda value: value.string_value,
    "timestamp_value": lambda value: timestamp(value.timestamp_value.ToDatetime(timezone.utc)),  # of EXPIRES_AT
    "map_value": _map,
    "array_value": _list,
}
