"""Reads the single values of a configuration, each by the kind that its key takes; every mistake becomes a problem."""

from __future__ import annotations

import keyword
import math
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ainimal_zookeeper.domain.references import is_own

from .node import Node, join
from .problems import Place, Problems, nearest, shown
from .references import Variables, references, shortened, substitute

_ORIGIN = re.compile(r"https?://[^/\s]+\Z")
_MODES: Final = {
    "both": {"training": True, "inference": True},
    "training": {"training": True, "inference": False},
    "inference": {"training": False, "inference": True},
    "none": {"training": False, "inference": False},
}


@dataclass(frozen=True, slots=True)
class InitParams:
    """Constructor arguments, with `${params.x}` in place; `uses` says which parameters they name, and where."""

    values: dict[str, Any]
    uses: tuple[tuple[str, Place, str], ...]


@dataclass(frozen=True, slots=True)
class CreateParam:
    """What was written of one parameter."""

    literal: dict[str, Any]
    place: Place
    path: str


class _Wrong:
    """Stands for a value that was reported."""


WRONG: Final = _Wrong()


class Values:
    """Readers by kind: each takes a node and its path, and returns the value, or WRONG after reporting why.

    `folder` is where paths start that stand in no file.
    """

    def __init__(self, problems: Problems, variables: Variables, folder: Path) -> None:
        self._problems = problems
        self._variables = variables
        self._folder = folder
        self.kinds: dict[str, Callable[[Node, str], Any]] = {
            "text": self._text,
            "kept text": lambda node, path: self._text(node, path, in_place=True),
            "flag": self._flag,
            "port": lambda node, path: self._integer(node, path, "a port from 0 to 65535", 0, 65535),
            "at least 1": lambda node, path: self._integer(node, path, "a whole number of at least 1", 1),
            "whole number": lambda node, path: self._integer(node, path, "a whole number"),
            "limit": self._limit,
            "seconds": lambda node, path: self._positive(node, path, "a number of seconds above 0"),
            "seconds or 0": lambda node, path: self._positive(node, path, "a number of seconds from 0", or_zero=True),
            "minutes": lambda node, path: self._positive(node, path, "a number of minutes above 0"),
            "rate": lambda node, path: self._positive(node, path, "a number of steps per second above 0"),
            "python file": self._python_file,
            "model file": lambda node, path: self._existing(node, path, "a file", Path.is_file),
            "folder": self._existing_folder,
            "new folder": self._file_name,
            "interpreter": self._interpreter,
            "identifier": self._identifier,
            "values": self._values,
            "init_params": self._init_params,
            "create_params": self._create_params,
            "mode": self._mode,
            "origins": self._origins,
            "command": self._command,
            "variables": self._variable_texts,
        }

    # --- scalars -----------------------------------------------------------------------------------------------------

    def _resolved(self, node: Node, path: str, *, in_place: bool = False, parameters: bool = False) -> Any:
        """Returns the scalar with its variables filled in, WRONG when one of them is missing.

        in_place: it becomes part of a specification, where a reference to a variable stays. parameters: so do those.
        """
        if not isinstance(node.value, str):
            return node.value
        wrong = False
        for reference in references(node.value):
            if reference.kind == "unknown":
                self._problems.add(
                    node.place,
                    path,
                    f"unknown reference {reference.text}; write ${{params.NAME}} for a parameter, ${{env.NAME}} or "
                    "${process.env.NAME} for a variable",
                )
                wrong = True
            elif reference.kind == "parameter" and not parameters:
                self._problems.add(
                    node.place, path, f"{reference.text} is only known at launch; it may stand in init_params"
                )
                wrong = True
            elif reference.kind == "variable" and in_place and is_own(reference.name):
                message = f"{reference.name} is the zoo's own; models and environments cannot have it"
                self._problems.add(node.place, path, message)
                wrong = True
            elif reference.kind == "variable":
                wrong |= self.misses(reference.name, node.place, path)
        if wrong:
            return WRONG
        return shortened(node.value) if in_place else substitute(node.value, self._variables.all)

    def misses(self, name: str, place: Place, path: str) -> bool:
        if name in self._variables.all:
            return False
        near = nearest(name, sorted(self._variables.all))
        hint = f" ({near})" if near.startswith("did") else ""
        self._problems.add(
            place, path, f"the variable {name} is not set{hint}; export it or write it into .env.local beside this file"
        )
        return True

    def expected(self, node: Node, path: str, what: str) -> Any:
        if isinstance(node.value, str) and any(part.kind == "variable" for part in references(node.value)):
            self._problems.add(node.place, path, f"must be {what}, which {node.value} does not hold")
            return WRONG
        written = node.value if not isinstance(node.value, tuple) else ({} if node.is_mapping else [])
        advice = ""
        if isinstance(written, str) and written.rstrip().endswith(","):
            advice = "; remove the comma"
        elif what == "true or false" and written in {"yes", "no", "on", "off"}:
            advice = "; write true or false"
        elif isinstance(written, str) and re.fullmatch(r"[-+\d.eE]+|true|false", written.strip()):
            advice = "; remove the quotes"
        elif what == "a list" and node.is_mapping:
            advice = "; put '- ' before the first key" if node.place.file is None or _is_yaml(node) else ""
        self._problems.add(node.place, path, f"must be {what}, not {shown(written)}{advice}")
        return WRONG

    def _text(self, node: Node, path: str, *, in_place: bool = False) -> Any:
        value = self._resolved(node, path, in_place=in_place)
        if value is WRONG:
            return WRONG
        if not isinstance(value, str):
            return self.expected(node, path, "text")
        if not value.strip():
            self._problems.add(node.place, path, "is empty")
            return WRONG
        return value

    def _flag(self, node: Node, path: str) -> Any:
        value = self._resolved(node, path)
        if value is WRONG or isinstance(value, bool):
            return value
        if value != node.value and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        return self.expected(node, path, "true or false")

    def _number(self, node: Node, path: str, what: str) -> Any:
        value = self._resolved(node, path)
        if value is WRONG:
            return WRONG
        if isinstance(value, str) and value != node.value:  # of a variable, which is always text
            try:
                value = float(value)
                value = int(value) if value.is_integer() else value
            except (ValueError, OverflowError):
                return self.expected(node, path, what)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return self.expected(node, path, what)
        return value

    def _integer(self, node: Node, path: str, what: str, low: int | None = None, high: int | None = None) -> Any:
        value = self._number(node, path, what)
        if value is WRONG:
            return WRONG
        if not isinstance(value, int) or (low is not None and value < low) or (high is not None and value > high):
            return self.expected(node, path, what)
        return value

    def _limit(self, node: Node, path: str) -> Any:
        value = self._integer(node, path, "a whole number of at least 0, or -1 for no limit", -1)
        return None if value == -1 else value

    def _positive(self, node: Node, path: str, what: str, *, or_zero: bool = False) -> Any:
        value = self._number(node, path, what)
        if value is WRONG:
            return WRONG
        return float(value) if value > 0 or (or_zero and value == 0) else self.expected(node, path, what)

    def _identifier(self, node: Node, path: str) -> Any:
        value = self._text(node, path)
        if value is WRONG:
            return WRONG
        if "|" in value:
            self._problems.add(node.place, path, f"{value!r} lists alternatives; write one of them")
            return WRONG
        if all(part.isidentifier() and not keyword.iskeyword(part) for part in value.split(".")):
            return value
        return self.expected(node, path, "a Python name")

    def _mode(self, node: Node, path: str) -> Any:
        if isinstance(node.value, str) and node.value in _MODES:
            return _MODES[node.value]
        return self.expected(node, path, f"one of {', '.join(_MODES)}")

    # --- files -------------------------------------------------------------------------------------------------------

    def _file_name(self, node: Node, path: str) -> Any:
        value = self._text(node, path)
        if value is WRONG:
            return WRONG
        base = self._folder if node.place.file is None else node.place.file.parent
        if "\0" in value:
            return self.expected(node, path, "a path")
        return (base / Path(value).expanduser()).absolute()

    def _python_file(self, node: Node, path: str) -> Any:
        return self._existing(node, path, "a Python file", Path.is_file)

    def _existing_folder(self, node: Node, path: str) -> Any:
        return self._existing(node, path, "a folder", Path.is_dir)

    def _existing(self, node: Node, path: str, what: str, holds: Callable[[Path], bool]) -> Any:
        found = self._file_name(node, path)
        if found is WRONG:
            return WRONG
        try:
            if holds(found):
                if os.access(found, os.R_OK | (os.X_OK if found.is_dir() else 0)):
                    return found
                message = "may not be read by this user"
            else:
                message = f"is not {what}" if found.exists() else "does not exist"
        except OSError as error:
            message = f"cannot be looked up: {error.strerror}"
        self._problems.add(node.place, path, f"{node.value!r} {message}{_resolved_to(node.value, found)}")
        return WRONG

    def _interpreter(self, node: Node, path: str) -> Any:
        value = self._text(node, path)
        if value is WRONG:
            return WRONG
        if "/" in value or "\\" in value:
            value = str(self._file_name(node, path))
        # Links stay as they are: behind the link of a virtual environment lies an interpreter without its packages.
        found = shutil.which(value, path=self._variables.all.get("PATH"))
        if found is None:
            self._problems.add(
                node.place, path, f"the interpreter {node.value!r} does not exist or cannot be run; give its full path"
            )
            return WRONG
        return str(Path(found).absolute())

    # --- values ------------------------------------------------------------------------------------------------------

    def _json(self, node: Node, path: str) -> Any:
        """Returns the plain value with its references in place; what is wrong is reported and left out."""
        if node.is_mapping:
            pairs = ((entry.key, self._json(entry.node, join(path, entry.key))) for entry in node.entries)
            return {key: value for key, value in pairs if value is not WRONG}
        if node.is_list:
            values = [self._json(item, f"{path}[{i}]") for i, item in enumerate(node.items)]
            return [value for value in values if value is not WRONG]
        if node.value is None or isinstance(node.value, (bool, int, str)):
            return self._resolved(node, path, in_place=True, parameters=True)
        if isinstance(node.value, float) and math.isfinite(node.value):
            return node.value
        return self.expected(node, path, "a JSON value")

    def _values(self, node: Node, path: str) -> Any:
        if not node.is_mapping:
            return self.expected(node, path, "a mapping of values")
        return WRONG if self._refers(node, path) else self._json(node, path)

    def _init_params(self, node: Node, path: str) -> Any:
        if not node.is_mapping:
            return self.expected(node, path, "a mapping of constructor arguments")
        return InitParams(self._json(node, path), tuple(_uses(node, path)))

    def _create_params(self, node: Node, path: str) -> Any:
        if not node.is_list:
            return self.expected(node, path, "a list of parameters")
        found = []
        for index, item in enumerate(node.items):
            where = f"{path}[{index}]"
            if not item.is_mapping:
                self.expected(item, where, "a mapping with at least a name")
                continue
            if self._refers(item, where):
                continue
            found.append(CreateParam(item.plain(), item.place, where))
        return found

    def _refers(self, node: Node, path: str) -> bool:
        """Tells whether a parameter refers to anything, and reports it: users see parameters, stores hold them."""
        refers = any(part.kind != "unknown" for text in _texts(node.plain()) for part in references(text))
        if refers:
            self._problems.add(node.place, path, "parameters are shown to users; a ${...} belongs into init_params")
        return refers

    def _origins(self, node: Node, path: str) -> Any:
        if not node.is_list:
            return self.expected(node, path, "a list")
        origins = []
        for index, item in enumerate(node.items):
            where = f"{path}[{index}]"
            value = self._text(item, where)
            if value is WRONG:
                continue
            if not _ORIGIN.match(value):
                self.expected(item, where, "an origin such as https://zoo.example.org (no path behind it)")
                continue
            origins.append(value)
        return origins

    def _command(self, node: Node, path: str) -> Any:
        """Returns the command as it was written; its variables are filled in when it is started."""
        if not isinstance(node.value, str) or not node.value.strip():
            return self.expected(node, path, "a command")
        for reference in references(node.value):
            if reference.kind == "variable":
                self.misses(reference.name, node.place, path)
        text = variables_as_shell(node.value)
        try:
            shlex.split(text)
        except ValueError as error:
            self._problems.add(node.place, path, f"cannot be split into words: {str(error).lower()}")
            return WRONG
        return text

    def _variable_texts(self, node: Node, path: str) -> Any:
        if not node.is_mapping:
            return self.expected(node, path, "a mapping of variables")
        values = {}
        for entry in node.entries:
            value = self._resolved(entry.node, join(path, entry.key))
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                if value is not WRONG:
                    self.expected(entry.node, join(path, entry.key), "text; put quotes around it")
                continue
            values[entry.key] = str(value)
        return values


def variables_as_shell(command: str) -> str:
    """Returns `command` with each ${env.X} and ${process.env.X} as ${X}."""
    for reference in references(command):
        if reference.kind == "variable":
            command = command.replace(reference.text, f"${{{reference.name}}}")
    return command


def _uses(node: Node, path: str) -> Iterator[tuple[str, Place, str]]:
    """Yields (parameter, place, path) for each `${params.x}` below `node`."""
    for entry in node.entries:
        yield from _uses(entry.node, join(path, entry.key))
    for index, item in enumerate(node.items):
        yield from _uses(item, f"{path}[{index}]")
    if isinstance(node.value, str):
        for reference in references(node.value):
            if reference.kind == "parameter":
                yield reference.name, node.place, path


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in cast("list[object]", value) for text in _texts(part)]
    return []


def _resolved_to(written: object, found: Path) -> str:
    return "" if str(found) == written else f" (looked for {found})"


def _is_yaml(node: Node) -> bool:
    return node.place.file is not None and node.place.file.suffix in {".yaml", ".yml"}
