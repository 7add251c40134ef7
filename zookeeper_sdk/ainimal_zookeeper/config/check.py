"""Checks a tree of nodes against the tables of keys and returns plain values; every mistake becomes a problem."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .keys import COMMON, TABLES, TYPES, Key, Keys
from .node import Entry, Node, join
from .problems import Place, Problems, nearest
from .references import Variables
from .values import WRONG, Values

_COMMAND_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


@dataclass(frozen=True, slots=True)
class Section:
    """A checked mapping. `values` holds what was given and right; `places` where each key stands."""

    path: str
    place: Place
    type: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def place_of(self, key: str) -> Place:
        return self.places.get(key, self.place)


class Checker:
    """Checks one configuration. `folder` is where paths start that stand in no file."""

    def __init__(self, problems: Problems, variables: Variables, folder: Path) -> None:
        self._problems = problems
        self._values = Values(problems, variables, folder)
        self._kinds: dict[str, Callable[[Node, str], Any]] = {
            **self._values.kinds,
            "server": lambda node, path: self.section(node, path, TABLES["server"]),
            "models": lambda node, path: self._offers(node, path, "models"),
            "environments": lambda node, path: self._offers(node, path, "environments"),
            "model_providers": lambda node, path: self._offers(node, path, "model_providers"),
            "compute_providers": lambda node, path: self._offers(node, path, "compute_providers"),
            "launches": lambda node, path: self._offers(node, path, "launch"),
            "processes": lambda node, path: self._offers(node, path, "launch_etc"),
            "unsupported": self._unsupported,
        }

    def section(self, node: Node, path: str, keys: Keys, of_type: str = "") -> Any:
        """Returns the Section of a mapping, or WRONG when it is none."""
        if not node.is_mapping:
            return self._values.expected(node, path, "a mapping of keys")
        section = Section(path, node.place, of_type)
        names = {alias: name for name, key in keys.items() for alias in (name, *key.aliases)}
        for entry in node.entries:
            where = join(path, entry.key)
            name = names.get(entry.key)
            if name is None:
                self._problems.add(entry.place, where, f"unknown key {entry.key!r}; {nearest(entry.key, list(names))}")
            elif name in section.places:
                first = section.places[name]
                line = "" if first.line is None else f" in line {first.line}"
                self._problems.add(entry.place, where, f"{name!r} is given already{line}; keep one of them")
            else:
                section.places[name] = entry.place
                self._fill(section, name, keys[name], entry, where)
        for name, key in keys.items():
            if key.required and name not in section.places:
                self._problems.add(node.place, path, f"the key {name!r} is missing")
        return section

    def _fill(self, section: Section, name: str, key: Key, entry: Entry, where: str) -> None:
        if entry.node.value is None:  # `key:` with nothing behind it counts as not given, but for required ones
            if key.required:
                self._problems.add(entry.place, where, "has no value")
            return
        if key.kind == "type":
            section.values[name] = entry.node.value
            return
        value = self._kinds[key.kind](entry.node, where)
        if value is not WRONG:
            section.values[name] = value

    def _offers(self, node: Node, path: str, table: str) -> Any:
        """Returns the Sections of a list; those of an unknown type are reported and left out."""
        if not node.is_list:
            return self._values.expected(node, path, "a list")
        sections = []
        for index, item in enumerate(node.items):
            where = f"{path}[{index}]"
            if table == "launch_etc" and isinstance(item.value, str):  # a bare command
                item = Node(item.place, (Entry("cmd", item.place, item),), is_mapping=True)  # noqa: PLW2901
            if item.described is not None and table != item.described.SECTION:
                name = type(item.described).__name__
                self._problems.add(item.place, where, f"{name} belongs in {item.described.SECTION}")
                continue
            of_type = self._type(item, where, table)
            if of_type is None:
                continue
            section = self.section(item, where, TABLES[table], of_type)
            if section is not WRONG:
                sections.append(section)
        return sections

    def _type(self, item: Node, path: str, table: str) -> str | None:
        """Returns the type of an entry, "" where it is not given, None when it is not one of ours."""
        if table not in TYPES:
            return ""
        if item.described is not None and item.described.TYPE is not None:
            return item.described.TYPE
        for entry in item.entries:
            if entry.key != "type" or entry.node.value is None:
                continue
            known = TYPES[table]
            name = entry.node.value
            if isinstance(name, str) and name in known:
                return known[name]
            where = join(path, "type")
            if isinstance(name, str) and "|" in name:
                self._problems.add(entry.place, where, f"{name!r} lists alternatives; write one of: {', '.join(known)}")
                if any(part.strip() in known for part in name.split("|")):
                    self._look_through(item, path, TABLES[table])
            else:
                self._problems.add(entry.place, where, _not_supported(name, known))
                self._look_through(item, path, {key: TABLES[table][key] for key in COMMON if key in TABLES[table]})
            return None
        if item.is_mapping and table in {"model_providers", "compute_providers"}:
            self._problems.add(item.place, path, f"the key 'type' is missing; supported: {', '.join(TYPES[table])}")
            return None
        return ""

    def _look_through(self, node: Node, path: str, keys: Keys) -> None:
        """Reports what is wrong with the keys of an entry whose type is not settled, as far as they are known."""
        section = Section(path, node.place)
        for entry in node.entries:
            if entry.key in keys and entry.key != "type":
                self._fill(section, entry.key, keys[entry.key], entry, join(path, entry.key))

    def _unsupported(self, node: Node, path: str) -> Any:
        """Reports what belongs to a later version; an empty list or mapping is fine."""
        for index, item in enumerate(node.items or (node,)):
            kinds = [entry for entry in item.entries if entry.key == "type"]
            where = f"{path}[{index}]" if node.is_list else path
            if kinds:
                self._problems.add(kinds[0].place, join(where, "type"), _not_supported(kinds[0].node.value, ()))
            elif item.value != ():
                self._problems.add(item.place, where, _not_supported(None, ()))
        return WRONG

    def missing_in_command(self, section: Section) -> None:
        """Reports the `$NAME` of a command that neither the environment nor its own `env` has."""
        if section.get("shell") or "cmd" not in section.values:
            return
        own = section.get("env", {})
        for match in _COMMAND_VARIABLE.finditer(section.values["cmd"]):
            name = match.group(1) or match.group(2)
            if not name.isdigit() and name not in own:
                self._values.misses(name, section.place_of("cmd"), join(section.path, "cmd"))


def _not_supported(name: object, known: Sequence[str] | Mapping[str, str]) -> str:
    what = "it" if name is None else f"type {name!r}"
    return f"{what} is not supported by this version; supported: {', '.join(known) or 'none yet'}"
