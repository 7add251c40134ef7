"""What a document may ask for: refused before anything runs, with a message that names the number and the limit.

Cost is the number of objects that an answer can hold: each object field counts 1, and what lies under a connection
counts once for each element of the page asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ainimal_zookeeper.domain.errors import InvalidInput
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

DEFAULT_PAGE = 20
MAX_PAGE = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper limits, all inclusive."""

    tokens: int = 5_000
    depth: int = 15  # introspection is not counted
    aliases: int = 200
    fields: int = 2_000  # with fragments written out
    cost: int = 50_000
    body_bytes: int = 16 * 1024 * 1024  # inputs of `instanceInfer` hold images


def page_size(first: int | None) -> int:
    """Returns how many elements a page has. Raises: InvalidInput for less than 1 or more than `MAX_PAGE`."""
    if first is None:
        return DEFAULT_PAGE
    if not 1 <= first <= MAX_PAGE:
        raise InvalidInput(f"first is {first}; it must be from 1 to {MAX_PAGE}", ("first",))
    return first


@dataclass(frozen=True, slots=True)
class _Cost:
    """`own` objects, times the page where the node is a connection, and what lies below."""

    own: int
    first: int | str | None  # a number, a variable's name, or None where no page is asked for
    children: tuple[_Cost, ...]

    def of(self, variables: Mapping[str, Any]) -> int:
        below = self.own + sum(child.of(variables) for child in self.children)
        if self.first is None:
            return below
        asked = variables.get(self.first) if isinstance(self.first, str) else self.first
        size = asked if isinstance(asked, int) and not isinstance(asked, bool) else DEFAULT_PAGE
        return below * max(1, min(size, MAX_PAGE))


class Measure:
    """What one operation of a document asks for. Raises: GraphQLError when it is too deep or too wide."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode, limits: Limits) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._limits = limits
        self._fields = 0
        self._aliases = 0
        self._costs = self._walk(operation.selection_set, 1)

    def check(self, variables: Mapping[str, Any]) -> None:
        """Raises: GraphQLError when the operation costs too much with these `variables`."""
        cost = sum(part.of(variables) for part in self._costs)
        if cost > self._limits.cost:
            raise GraphQLError(
                f"this asks for up to {cost} objects; at most {self._limits.cost} are allowed, ask for smaller pages"
            )

    def _walk(self, selections: SelectionSetNode, depth: int) -> tuple[_Cost, ...]:
        costs: list[_Cost] = []
        for node in selections.selections:
            if isinstance(node, FieldNode):
                costs += self._field(node, depth)
            elif isinstance(node, InlineFragmentNode):
                costs += self._walk(node.selection_set, depth)
            elif isinstance(node, FragmentSpreadNode):
                costs += self._walk(self._fragments[node.name.value].selection_set, depth)
        return tuple(costs)

    def _field(self, node: FieldNode, depth: int) -> tuple[_Cost, ...]:
        self._fields += 1
        self._aliases += node.alias is not None
        for count, most, what in (
            (depth, self._limits.depth, "levels deep"),
            (self._fields, self._limits.fields, "fields long"),
            (self._aliases, self._limits.aliases, "aliases rich"),
        ):
            if count > most:
                raise GraphQLError(f"this is more than {most} {what}; ask for less at once", node)
        if node.selection_set is None or node.name.value.startswith("__"):
            return ()
        return (_Cost(1, _first(node), self._walk(node.selection_set, depth + 1)),)


_CONNECTIONS = frozenset(
    {
        "models", "environments", "environmentInstances", "instances", "signals", "events", "logs", "connected",
        "recordings",
    }
)  # fmt: skip


def _first(node: FieldNode) -> int | str | None:
    for argument in node.arguments or ():
        if argument.name.value == "first":
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            return argument.value.name.value if isinstance(argument.value, VariableNode) else None
    return DEFAULT_PAGE if node.name.value in _CONNECTIONS else None
