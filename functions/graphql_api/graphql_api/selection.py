"""Look-ahead: which fields a request selects below one of its nodes, so that everything is loaded at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, FragmentSpreadNode, GraphQLResolveInfo

Selection = dict[str, "Selection"]  # by field name; what is skipped by a directive is there too


class Selections:
    """Finds selections in one document and remembers them."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._found: dict[tuple[int, ...], Selection] = {}

    def below(self, info: GraphQLResolveInfo[Any]) -> Selection:
        """Returns what is selected below the field that `info` is of."""
        key = tuple(map(id, info.field_nodes))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._merge(info.field_nodes)
        return found

    def _merge(self, nodes: Iterable[Any]) -> Selection:
        merged: Selection = {}
        for node in nodes:
            if node.selection_set is not None:
                self._collect(node.selection_set.selections, merged)
        return merged

    def _collect(self, nodes: Iterable[Any], into: Selection) -> None:
        for node in nodes:
            if isinstance(node, FieldNode):
                _combine(into.setdefault(node.name.value, {}), self._merge([node]))
            elif isinstance(node, FragmentSpreadNode):
                self._collect(self._fragments[node.name.value].selection_set.selections, into)
            else:
                self._collect(node.selection_set.selections, into)


def _combine(into: Selection, other: Selection) -> None:
    for name, below in other.items():
        _combine(into.setdefault(name, {}), below)
