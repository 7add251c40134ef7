"""What a Python file offers, read from its syntax tree: nothing in it is executed."""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from ainimal_zookeeper.domain.documents import ParameterDoc
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.parameters import MISSING, Parameter

_AINIMAL_BASES: Final = {"AInimal", "AInimal.Agent"}
_WORLD_BASES: Final = {"AInimal.Env", "Env", "gym.Env", "gymnasium.Env", "dm_env.Environment", "Environment",
                       "ParallelEnv", "pettingzoo.ParallelEnv", "VectorEnv"}  # fmt: skip
_ACTING: Final = {"act", "forward", "predict", "__call__"}
_NOT_OFFERED: Final = {"Protocol", "ABC", "Enum", "IntEnum", "StrEnum", "NamedTuple", "TypedDict", "Exception"}
_SUPPLIED: Final = {"save_path", "input_modalities", "output_modalities", "observation_space", "action_space"}
_TYPES: Final = {"float": "float", "int": "int", "bool": "bool", "str": "str"}
_DESCRIPTION: Final = 10_000  # characters
_PARAMETERS: Final = 200_000  # bytes as JSON


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """A top-level class. kind: "ainimal" (declares itself), "plain" (can act), "world", or "other"."""

    name: str
    kind: Literal["ainimal", "plain", "world", "other"]
    description: str | None
    parameters: tuple[ParameterDoc, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """A Python file. `names` are all that it binds at its top level, None when that cannot be known (import *)."""

    path: Path
    revision: str | None
    classes: tuple[ClassFacts, ...]
    names: frozenset[str] | None
    problem: str | None  # why it cannot be read, with the line

    @property
    def models(self) -> tuple[ClassFacts, ...]:
        """The classes to offer: those that declare themselves, else the plain ones that can act."""
        declared = tuple(found for found in self.classes if found.kind == "ainimal")
        return declared or tuple(found for found in self.classes if found.kind == "plain")

    @property
    def worlds(self) -> tuple[ClassFacts, ...]:
        return tuple(found for found in self.classes if found.kind == "world")

    def named(self, name: str) -> ClassFacts | None:
        return next((found for found in self.classes if found.name == name), None)


def read_source(path: Path) -> SourceFacts:
    """Returns what the file offers; a file that has not changed since is not read again."""
    try:
        state = path.stat()
    except OSError as error:
        return SourceFacts(path, None, (), None, f"cannot be read: {error.strerror}")
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4096)
def _read(path: Path, _modified_ns: int, _size: int) -> SourceFacts:
    try:
        content = path.read_bytes()
    except OSError as error:
        return SourceFacts(path, None, (), None, f"cannot be read: {error.strerror}")
    revision = hashlib.sha256(content).hexdigest()[:12]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an author's odd escape sequence is not the zoo's to report
            module = ast.parse(content, filename=str(path))
    except SyntaxError as error:
        return SourceFacts(path, revision, (), None, f"line {error.lineno}: syntax error: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return SourceFacts(path, revision, (), None, f"is not Python: {error}")
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    facts = tuple(_class_facts(node, classes) for node in classes.values())
    return SourceFacts(path, revision, facts, _bound_names(module), None)


def _bound_names(module: ast.Module) -> frozenset[str] | None:
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if any(alias.name == "*" for alias in node.names):
                return None
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names)


# --- a class ---------------------------------------------------------------------------------------------------------


def _class_facts(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> ClassFacts:
    line_of_descent = list(_ancestry(node, classes, set()))
    methods = {name for ancestor in line_of_descent for name in _methods(ancestor)}
    bases = {_dotted(base) for ancestor in line_of_descent for base in ancestor.bases}
    kind = _kind(node, methods, bases, classes)
    description = (ast.get_docstring(node) or "")[:_DESCRIPTION] or None
    if kind == "other":
        return ClassFacts(node.name, kind, description, (), ())
    parameters, findings = _parameters(line_of_descent)
    if kind == "ainimal" and "forward" not in methods:
        findings.append(f"line {node.lineno}: {node.name} has no forward method")
    size = len(json.dumps(parameters)) + len(json.dumps(findings))
    if size > _PARAMETERS:  # a model is one document of a store, where the others have their place as well
        parameters = []
        findings = [f"line {node.lineno}: its parameters take {size:,} bytes, more than {_PARAMETERS:,}; declare less"]
    return ClassFacts(node.name, kind, description, tuple(parameters), tuple(findings))


def _ancestry(node: ast.ClassDef, classes: dict[str, ast.ClassDef], seen: set[str]) -> Iterator[ast.ClassDef]:
    """Yields the class and those of its bases that the same file defines, nearest first."""
    if node.name in seen:
        return
    seen.add(node.name)
    yield node
    for base in node.bases:
        parent = classes.get(_dotted(base))
        if parent is not None:
            yield from _ancestry(parent, classes, seen)


def _kind(
    node: ast.ClassDef, methods: set[str], bases: set[str], classes: dict[str, ast.ClassDef]
) -> Literal["ainimal", "plain", "world", "other"]:
    last = {base.rpartition(".")[2] for base in bases}
    if node.name.startswith("_") or last & _NOT_OFFERED:
        return "other"
    is_world = bool(bases & _WORLD_BASES or any(base.endswith("AInimal.Env") for base in bases))
    if is_world or {"reset", "step"} <= methods:
        return "world"
    if any(base in _AINIMAL_BASES or base.endswith((".AInimal", ".AInimal.Agent")) for base in bases):
        is_base = any(node.name in map(_dotted, other.bases) for other in classes.values())
        return "other" if is_base and "forward" not in methods else "ainimal"
    return "plain" if methods & _ACTING else "other"


def _methods(node: ast.ClassDef) -> Iterator[str]:
    for part in node.body:
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield part.name


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):  # Env[Observation, Action]
        return _dotted(node.value)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


# --- its parameters --------------------------------------------------------------------------------------------------


def _parameters(line_of_descent: list[ast.ClassDef]) -> tuple[list[ParameterDoc], list[str]]:
    """Returns the parameters that the class declares, else those that its constructor shows, and findings."""
    for node in line_of_descent:
        for part in node.body:
            if isinstance(part, (ast.Assign, ast.AnnAssign)) and _assigns(part, "AINIMAL_PARAMETERS"):
                return _declared(part)
    for node in line_of_descent:
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                return _inferred(part)
    return [], []


def _assigns(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _declared(node: ast.Assign | ast.AnnAssign) -> tuple[list[ParameterDoc], list[str]]:
    place = f"line {node.lineno}: AINIMAL_PARAMETERS"
    try:
        literals = ast.literal_eval(node.value) if node.value is not None else []
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return [], [f"{place} is not a literal, so it cannot be read without running the file; write plain values"]
    if not isinstance(literals, (list, tuple)):
        return [], [f"{place} is {type(literals).__name__}; it must be a list of dicts"]
    parameters: list[ParameterDoc] = []
    findings: list[str] = []
    for literal in literals:
        try:
            document = Parameter.from_literal(literal).to_document()
        except (InvalidInput, TypeError, ValueError) as error:
            findings.append(f"{place}: {error}")
            continue
        if any(document["name"] == other["name"] for other in parameters):
            findings.append(f"{place}: {document['name']} is declared twice")
            continue
        parameters.append(document)
    return parameters, findings


def _inferred(node: ast.FunctionDef) -> tuple[list[ParameterDoc], list[str]]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args][1:]
    missing = len(positional) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * max(missing, 0), *arguments.defaults[max(-missing, 0) :]]
    pairs = [*zip(positional, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    parameters: list[ParameterDoc] = []
    findings: list[str] = []
    for argument, default in pairs:
        if argument.arg in _SUPPLIED or argument.arg.startswith("_"):
            continue
        try:
            parameters.append(_inferred_parameter(argument, default).to_document())
        except (InvalidInput, TypeError, ValueError):
            findings.append(
                f"line {argument.lineno}: the default of {argument.arg} is not plain JSON, so launches do not offer it"
            )
    if parameters:
        names = ", ".join(parameter["name"] for parameter in parameters)
        findings.append(
            f"parameters were inferred from the constructor: {names}; AINIMAL_PARAMETERS would declare them"
        )
    return parameters, findings


def _inferred_parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    """Raises: InvalidInput, ValueError or TypeError when the default cannot be offered."""
    value: Any = MISSING if default is None else _as_json(ast.literal_eval(default))
    name, choices = _annotated(argument.annotation)
    if name is None:
        name = _type_of(value)
    if choices is None and name in {"float", "int", "bool", "str"} and value is not MISSING and value is not None:
        return Parameter(argument.arg, name, value)  # type: ignore[arg-type]
    return Parameter(argument.arg, name, value, choices=choices)  # type: ignore[arg-type]


def _annotated(node: ast.expr | None) -> tuple[str | None, tuple[Any, ...] | None]:
    """Returns the type that an annotation names, and the choices of a Literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return _annotated(ast.parse(node.value, mode="eval").body)
        except SyntaxError:
            return None, None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):  # int | None
        sides = [side for side in (node.left, node.right) if not _is_none(side)]
        return _annotated(sides[0]) if len(sides) == 1 else (None, None)
    if isinstance(node, ast.Subscript):
        base = _dotted(node.value).rpartition(".")[2]
        if base == "Optional":
            return _annotated(node.slice)
        if base == "Literal":
            choices = ast.literal_eval(node.slice)
            choices = choices if isinstance(choices, tuple) else (choices,)
            kinds = {_type_of(choice) for choice in choices}
            return (kinds.pop(), choices) if len(kinds) == 1 else ("json", choices)
        return (
            ("json", None) if base in {"list", "dict", "List", "Dict", "Sequence", "Mapping", "tuple"} else (None, None)
        )
    return (_TYPES.get(_dotted(node)), None) if node is not None else (None, None)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float, str)):
        return type(value).__name__
    return "json"


def _as_json(value: Any) -> Any:
    return [_as_json(part) for part in value] if isinstance(value, (tuple, list)) else value
