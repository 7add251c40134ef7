"""The schema's own scalars: how their values leave and enter."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.domain.paths import is_path
from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def write_date_time(value: Any) -> str:
    """Returns RFC 3339 in UTC; text is taken to be that already, as the store writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return timestamp(value)
    raise GraphQLError(f"DateTime cannot show {value!r}")


def read_date_time(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        raise GraphQLError(f"DateTime takes RFC 3339 text such as 2030-01-01T12:00:00Z, not {value!r}") from None
    if moment.tzinfo is None:
        raise GraphQLError(f"DateTime {value!r} has no time zone; end it with Z")
    return moment


def write_real(value: Any) -> float | str:
    """Returns a float, or one of the three names of what JSON has no number for."""
    if isinstance(value, str):
        if value in _NON_FINITE:
            return value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number):
            return number
        if math.isnan(number):
            return "NaN"
        return "Infinity" if number > 0 else "-Infinity"
    raise GraphQLError(f"Real cannot show {value!r}")


def read_real(value: Any) -> float:
    if isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise GraphQLError(f'Real takes a number, "NaN", "Infinity" or "-Infinity", not {value!r}')


def write_path(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise GraphQLError(f"Path cannot show {value!r}")


def read_path(value: Any) -> str:
    if isinstance(value, str) and is_path(value):
        return value
    raise GraphQLError(f"Path takes names joined by dots such as inputs.camera, not {value!r}")


def attach(schema: GraphQLSchema) -> None:
    """Gives the scalars of `schema` their conversions; JSON keeps the stock ones, which change nothing."""
    for name, write, read in (
        ("DateTime", write_date_time, read_date_time),
        ("Real", write_real, read_real),
        ("Path", write_path, read_path),
    ):
        scalar = schema.get_type(name)
        if isinstance(scalar, GraphQLScalarType):
            scalar.coerce_output_value = write
            scalar.coerce_input_value = read
