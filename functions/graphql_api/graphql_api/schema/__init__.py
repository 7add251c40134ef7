"""The schema: the SDL files beside this one, bound to the resolvers.

Binding happens at import and is strict, so that a renamed field or a forgotten type cannot reach a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_abstract_type,
    is_object_type,
    validate_schema,
)

from graphql_api import scalars

Resolvers = Mapping[str, Mapping[str, Callable[..., Any]]]


def source() -> str:
    """Returns the SDL of all domains."""
    parts = [entry for entry in files(__name__).iterdir() if entry.name.endswith(".graphql")]
    return "\n".join(part.read_text(encoding="utf-8") for part in sorted(parts, key=lambda part: part.name))


def bind(sdl: str, resolvers: Resolvers, subscriptions: Resolvers | None = None) -> GraphQLSchema:
    """Returns the schema of `sdl` whose fields call `resolvers` ({type: {field: function}}).

    A field without a resolver is read from its parent, a dict, under its own name. An object of an abstract type says
    its type under `__typename`. Fields of `subscriptions` make the source streams.

    Raises: LookupError for a type or field that the SDL does not have; TypeError for an invalid schema, or when an
    abstract type is implemented by nothing.
    """
    # Whether the SDL is sound in itself is looked at by a test: it takes a third of the time, at each cold start.
    schema = build_schema(sdl, assume_valid_sdl=True, no_location=True)
    problems = validate_schema(schema)
    if problems:
        raise TypeError("; ".join(problem.message for problem in problems))
    scalars.attach(schema)
    for type_name, fields in resolvers.items():
        for field_name, function in fields.items():
            _field(schema, type_name, field_name).resolve = function
    for type_name, fields in (subscriptions or {}).items():
        for field_name, function in fields.items():
            _field(schema, type_name, field_name).subscribe = function
    for kind in schema.type_map.values():
        if is_abstract_type(kind):
            if not schema.get_possible_types(kind):
                raise TypeError(f"no type implements {kind.name}")
            kind.resolve_type = _type_name
    root_fields = [
        (root.name, name)
        for root in (schema.query_type, schema.mutation_type)
        if root is not None
        for name in root.fields
    ]
    for type_name, field_name in root_fields:
        if field_name not in resolvers.get(type_name, {}):
            raise LookupError(f"{type_name}.{field_name} has no resolver")
    return schema


def _field(schema: GraphQLSchema, type_name: str, field_name: str) -> Any:
    kind = schema.get_type(type_name)
    if kind is None or not is_object_type(kind):
        raise LookupError(f"resolvers are given for {type_name}, which is no object type of the schema")
    assert isinstance(kind, GraphQLObjectType)  # noqa: S101  narrows what the line above has checked
    if field_name not in kind.fields:
        raise LookupError(f"a resolver is given for {type_name}.{field_name}, which the schema does not have")
    return kind.fields[field_name]


def _type_name(value: Any, *_: Any) -> str:
    return str(value["__typename"])
