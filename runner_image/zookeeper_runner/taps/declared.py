"""Declared: what a class shows of its forward by calling `tap`. Names come up when they are first called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.tapping import USES

from ..gate import Gate
from .cells import Cell, Change
from .source import Listed
from .values import is_traced, modality_of

_ODD = re.compile(r"[^A-Za-z0-9_\-/:\[\].]")
_TRACED = "JAX only traces it, within jit: tap it outside, or leave jit out to see it"


class Declared:
    """The activations that are tapped by name. One at a time in a process. Step thread only."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._met: dict[str, Modality | None] = {}  # None: there is no value of it
        self._names: dict[str, str] = {}  # as it is called in the code, by path
        self._cells: dict[str, Cell] = {}
        self._news = False
        USES.clear()
        USES.meet = self._meeting

    def listed(self) -> Iterator[Listed]:
        for path, modality in self._met.items():
            if modality is None:
                yield Listed(path, Modality(path, ModalityKind.TREE), False, False, _TRACED)
            else:
                yield Listed(path, modality, True, modality.kind is not ModalityKind.TREE, None)

    def knows(self, path: str) -> bool:
        return path in self._met

    def observe(self, paths: frozenset[str]) -> None:
        for path in self._cells.keys() | paths:
            self._cell(path).observed = path in paths
        self._sync()

    def change(self, changes: Mapping[str, Change]) -> None:
        for path in self._cells.keys() | changes.keys():
            self._cell(path).change = changes.get(path)
        self._sync()

    def read(self, path: str) -> Any | None:
        cell = self._cells.get(path)
        return None if cell is None else cell.read()

    def give(self, path: str) -> bool:
        """Returns whether what `read` returned is a copy into which nothing is written any more."""
        cell = self._cells.get(path)
        return cell is not None and cell.give()

    def news(self) -> bool:
        changed, self._news = self._news, False
        return changed

    def close(self) -> None:
        if USES.meet == self._meeting:
            USES.clear()
            USES.meet = None

    def _cell(self, path: str) -> Cell:
        return self._cells.setdefault(path, Cell(f"activations.{path}"))

    def _sync(self) -> None:
        self._cells = {path: cell for path, cell in self._cells.items() if not cell.idle}
        for path, name in self._names.items():
            cell = self._cells.get(path)
            USES[name] = None if cell is None else self._passing(cell)

    def _passing(self, cell: Cell) -> Callable[[Any], Any]:
        gate = self._gate

        def use(value: Any) -> Any:
            return value if gate.shut or is_traced(value) else cell.through(value)

        return use

    def _meeting(self, name: str) -> Callable[[Any], Any] | None:
        """Returns what becomes of the first value of `name`."""
        path = _ODD.sub("_", name).strip(".")
        if not path:
            USES[name] = None
            return None

        def meet(value: Any) -> Any:
            if self._gate.shut:
                return value
            self._names[path] = name
            self._met[path] = None if is_traced(value) else modality_of(path, value)
            self._news = True
            self._sync()
            use = USES[name]
            return value if use is None else use(value)

        return meet
