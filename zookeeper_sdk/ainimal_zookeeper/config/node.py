"""Node: a written value and where it was written. YAML, JSON and Python objects all become trees of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from .problems import Place


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping with its value; `place` is the key's. A key that is written twice has two entries."""

    key: str
    place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """`value` is a scalar, a tuple of nodes, a tuple of entries (`is_mapping`), or any foreign Python object."""

    place: Place
    value: Any
    is_mapping: bool = False
    described: Described | None = None  # the Python object that it was made of

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, tuple) and not self.is_mapping

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.value if self.is_mapping else ()

    @property
    def items(self) -> tuple[Node, ...]:
        return self.value if self.is_list else ()

    def plain(self) -> Any:
        """Returns the value as it was written: scalars, lists and dicts."""
        if self.is_mapping:
            return {entry.key: entry.node.plain() for entry in self.entries}
        if self.is_list:
            return [item.plain() for item in self.items]
        return self.value


class Described:
    """What an operator writes in Python (`PythonEnvironment(...)`): it remembers its arguments and its line.

    Nothing is checked here, so that all mistakes of a zoo.py are reported at once, by `Server(...)`.
    """

    TYPE: ClassVar[str | None] = None  # what stands behind `type` in YAML
    SECTION: ClassVar[str] = ""  # the key of the zoo that takes it
    _arguments: dict[str, Any]
    _place: Place

    def _describe(self, arguments: Mapping[str, Any], place: Place) -> None:
        """Keeps `arguments` (the constructor's locals); those that are None count as not given."""
        given = {**arguments, **arguments.get("unknown", {})}
        self._arguments = {
            key: value
            for key, value in given.items()
            if key not in {"self", "unknown", "__class__"} and value is not None
        }
        self._place = place

    def __repr__(self) -> str:
        shown = ("name", "path", "root", "class_name", "env_name", "model", "environment")
        text = ", ".join(f"{key}={self._arguments[key]!r}" for key in shown if key in self._arguments)
        return f"{type(self).__name__}({text})"


def node_of(value: object, place: Place) -> Node:
    """Returns the tree of a Python value that stands at `place`; described objects know their own place."""
    if isinstance(value, Described):
        own = value._place
        entries = tuple(Entry(key, own, node_of(part, own)) for key, part in value._arguments.items())
        return Node(own, entries, is_mapping=True, described=value)
    if isinstance(value, Mapping):
        return Node(
            place, tuple(Entry(str(key), place, node_of(part, place)) for key, part in value.items()), is_mapping=True
        )
    if isinstance(value, (list, tuple)):
        return Node(place, tuple(node_of(part, place) for part in value))
    if isinstance(value, Path):
        return Node(place, str(value))
    return Node(place, value)


def caller(depth: int) -> Place:
    """Returns the place that called the function `depth` frames above this one."""
    frame = sys._getframe(depth + 1)
    file = Path(frame.f_code.co_filename)
    return Place(file.absolute(), frame.f_lineno) if file.is_file() else Place()


def join(path: str, key: str) -> str:
    """Returns the path of `key` below `path`."""
    return f"{path}.{key}" if path else key
