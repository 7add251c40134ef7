"""How the channels of a world nest in its values, and the way between such values and flat dicts by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.spaces import Tree, leaves


class Structure:
    """The channels of one side of a world.

    modalities: by name. key: the name of a lone channel, None when values are dicts by name.
    flat: whether values can pass as they are; otherwise `flatten` and `nest` translate.
    """

    __slots__ = ("flat", "key", "modalities", "tree")

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.modalities = leaves(tree)
        self.key = tree.name if isinstance(tree, Modality) else None
        self.flat = isinstance(tree, Modality) or (
            isinstance(tree, dict) and all(isinstance(part, Modality) for part in tree.values())
        )

    def flatten(self, value: Any) -> Any:
        """Returns a nested value as a dict by name; one that passes as it is, unchanged."""
        if self.flat:
            return value
        flat: dict[str, Any] = {}
        _flatten(self.tree, value, flat)
        return flat

    def nest(self, values: Any) -> Any:
        """Returns a dict by name as the world nests it; the inverse of `flatten`."""
        return values if self.flat else _nest(self.tree, values)


def translated(
    step: Callable[[Any], tuple[Any, ...]], observation: Structure, action: Structure
) -> Callable[[Any], tuple[Any, ...]]:
    """Returns `step` by flat names; `step` itself when nothing is to translate, as it is on the step path."""
    if observation.flat and action.flat:
        return step

    def step_by_name(value: Any) -> tuple[Any, ...]:
        seen, *rest = step(action.nest(value))
        return (observation.flatten(seen), *rest)

    return step_by_name


def _flatten(tree: Tree, value: Any, into: dict[str, Any]) -> None:
    if isinstance(tree, Modality):
        into[tree.name] = value
        return
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, part in parts:
        _flatten(part, value[key], into)


def _nest(tree: Tree, values: Mapping[str, Any]) -> Any:
    if isinstance(tree, Modality):
        return values[tree.name]
    if isinstance(tree, dict):
        return {key: _nest(part, values) for key, part in tree.items()}
    return tuple(_nest(part, values) for part in tree)
