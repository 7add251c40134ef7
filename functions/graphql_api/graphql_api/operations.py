"""Documents, parsed and checked once: a cache by their hash."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
)

from .limits import Limits, Measure
from .selection import Selections

_MAX_ERRORS = 5
_MAX_SOURCE = 100_000


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document."""

    document: DocumentNode
    definition: OperationDefinitionNode
    measure: Measure
    selections: Selections

    @property
    def kind(self) -> OperationType:
        return self.definition.operation


@dataclass(slots=True)
class _Entry:
    document: DocumentNode
    operations: dict[str | None, Operation] = field(default_factory=dict)


class RequestErrors(Exception):
    """A request that cannot be executed at all."""

    def __init__(self, *errors: GraphQLError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


class Operations:
    """Finds operations; keeps the `size` documents used last. For one thread."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, size: int = 500) -> None:
        self._schema = schema
        self._limits = limits
        self._size = size
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def find(self, source: str, name: str | None, variables: Mapping[str, Any]) -> Operation:
        """Returns the operation `name` of `source`, or its only one.

        Raises: RequestErrors when it cannot be parsed, is invalid, is not there or asks for too much.
        """
        key = hashlib.sha256(source.encode(errors="surrogatepass")).digest()
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(self._read(source))
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(key)
        operation = entry.operations.get(name)
        try:
            if operation is None:
                definition = _pick(entry.document, name)
                measure = Measure(entry.document, definition, self._limits)
                operation = Operation(entry.document, definition, measure, Selections(entry.document))
                entry.operations[name] = operation
            operation.measure.check(variables)
        except GraphQLError as error:
            raise RequestErrors(error) from error
        return operation

    def _read(self, source: str) -> DocumentNode:
        try:
            document = parse(
                source,
                max_lexical_tokens=self._limits.tokens,
                max_source_length=_MAX_SOURCE,
                allow_empty_selection_sets=False,
            )
        except GraphQLError as error:
            raise RequestErrors(error) from error
        errors = validate(self._schema, document, max_errors=_MAX_ERRORS, allow_empty_selection_sets=False)
        if errors:
            raise RequestErrors(*errors[:_MAX_ERRORS])
        return document


def _pick(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    found = [
        definition
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        and (name is None or (definition.name is not None and definition.name.value == name))
    ]
    if len(found) == 1:
        return found[0]
    if name is not None:
        raise GraphQLError(f"the document has no operation {name!r}")
    raise GraphQLError(
        "the document has no operation" if not found else "operationName must say which operation to run"
    )
