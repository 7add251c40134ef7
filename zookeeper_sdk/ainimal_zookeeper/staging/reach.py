"""Reach: which modules of the SDK a function can come to import, told from the sources alone.

Imports inside functions count: they are the ones made late. Those for type checkers do not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def reached(sources: Iterable[bytes], modules: Mapping[str, Path]) -> dict[str, Path]:
    """Returns those of `modules`, by name, that `sources` import, and what these import in turn."""
    found: dict[str, Path] = {}
    waiting = [name for source in sources for name in imports(source)]
    while waiting:
        name = waiting.pop()
        for module in _with_parents(name):
            path = modules.get(module)
            if path is not None and module not in found:
                found[module] = path
                package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                waiting += imports(path.read_bytes(), package)
    return found


def imports(source: bytes, package: str = "") -> Iterator[str]:
    """Yields the dotted names that `source`, a module in `package`, imports: modules and what is taken from them."""
    yield from _imports(ast.parse(source), package)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = package.rsplit(".", node.level - 1)[0] if node.level else ""
        origin = ".".join(part for part in (base, node.module) if part)
        yield from (f"{origin}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and _is_for_type_checkers(node.test):
        for statement in node.orelse:
            yield from _imports(statement, package)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package)


def _is_for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _with_parents(name: str) -> Iterator[str]:
    """Yields "a", "a.b" and "a.b.c" of "a.b.c": importing the last runs them all."""
    parts = name.split(".")
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
