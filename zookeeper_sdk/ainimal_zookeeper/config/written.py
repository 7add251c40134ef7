"""Reads YAML and JSON into nodes that know their lines.

Scalars follow YAML 1.2 (and JSON): `true` and `false` are the only booleans, so that a choice named NO stays text, and
1e-3 is a number.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import yaml

from .node import Entry, Node
from .problems import ConfigurationError, Place, Problem

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_DEEPEST = 50
_MOST_VALUES = 100_000


def read_written(path: Path) -> Node:
    """Returns the tree of a .yaml, .yml or .json file.

    Raises: ConfigurationError when it cannot be read or parsed, with the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _refusal(path, None, f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _refusal(path, line, "is not UTF-8 text; save it as UTF-8") from error
    try:
        return _read_json(path, text) if path.suffix == ".json" else _read_yaml(path, text)
    except RecursionError as error:
        raise _refusal(path, None, "is nested too deeply") from error


def _read_yaml(path: Path, text: str) -> Node:
    top = _compose(path, text)
    if top is None:
        return Node(Place(path, 1), (), is_mapping=True)
    return _Tree(path).node(top, 0)


def _read_json(path: Path, text: str) -> Node:
    try:
        value = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise _refusal(path, error.lineno, f"is not JSON: {error.msg} (column {error.colno})") from error
    except ValueError as error:
        raise _refusal(path, None, f"is not JSON that can be used: {error}") from error
    try:
        # Strict JSON has no tabs inside strings, so every tab is indentation, which YAML would refuse.
        lines = _compose(path, text.replace("\t", " "))
    except ConfigurationError:
        lines = None
    return _with_lines(value, lines, path)


def _compose(path: Path, text: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        what = error.problem or error.context or "cannot be parsed"
        if "\\t" in what:
            what += "; indent with spaces"
        raise _refusal(path, line, f"is not YAML: {what}") from error
    except yaml.reader.ReaderError as error:
        raise _refusal(path, None, f"is not YAML: {error.reason} at character {error.position}") from error
    except yaml.YAMLError as error:
        raise _refusal(path, None, f"is not YAML: {error}") from error
    return node


class _Tree:
    """Turns composed YAML into nodes: resolves scalars, merge keys and aliases."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = 0

    def node(self, node: yaml.Node, depth: int) -> Node:
        place = _place(self._path, node)
        self._values += 1
        if self._values > _MOST_VALUES:
            what = f"makes more than {_MOST_VALUES:,} values; use fewer aliases (*) of aliases"
            raise ConfigurationError([Problem(place, "", what)])
        if depth > _DEEPEST:
            raise ConfigurationError([Problem(place, "", "is nested too deeply, or an alias (*) stands inside itself")])
        if isinstance(node, yaml.MappingNode):
            return Node(place, tuple(self._entries(node, depth)), is_mapping=True)
        if isinstance(node, yaml.SequenceNode):
            return Node(place, tuple(self.node(item, depth + 1) for item in node.value))
        try:
            return Node(place, _scalar(cast(yaml.ScalarNode, node)))
        except ValueError as error:  # Python reads no number of more than 4,300 digits
            raise ConfigurationError([Problem(place, "", f"is a number that cannot be used: {error}")]) from error

    def _entries(self, node: yaml.MappingNode, depth: int) -> list[Entry]:
        merged: list[Entry] = []
        own: list[Entry] = []
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.style is None:
                parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for part in parts:
                    merged += self.node(part, depth + 1).entries
                continue
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            own.append(Entry(name, _place(self._path, key), self.node(value, depth + 1)))
        taken = {entry.key for entry in own}
        for entry in merged:
            if entry.key not in taken:
                taken.add(entry.key)
                own.append(entry)
        return own


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:  # quoted or a block: text
        return text
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    if _INT.match(text):
        return int(text, 0) if text[:2] in {"0x", "0o"} else int(text)
    if _FLOAT.match(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys in order, those that stand twice included."""


def _with_lines(value: Any, lines: yaml.Node | None, path: Path) -> Node:
    """Joins what JSON says with where YAML saw it; both have the same structure."""
    place = Place(path) if lines is None else _place(path, lines)
    if isinstance(value, _Pairs):
        pairs = lines.value if isinstance(lines, yaml.MappingNode) else [(None, None)] * len(value)
        entries = [
            Entry(key, Place(path) if key_line is None else _place(path, key_line), _with_lines(part, line, path))
            for (key, part), (key_line, line) in zip(value, pairs, strict=True)
        ]
        return Node(place, tuple(entries), is_mapping=True)
    if isinstance(value, list):
        items = lines.value if isinstance(lines, yaml.SequenceNode) else [None] * len(value)
        return Node(place, tuple(_with_lines(part, line, path) for part, line in zip(value, items, strict=True)))
    return Node(place, value)


def _place(path: Path, node: yaml.Node) -> Place:
    return Place(path, node.start_mark.line + 1)


def _refusal(path: Path, line: int | None, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(Place(path, line), "", message)])
