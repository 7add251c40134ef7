"""Modules: what the modules of torch return, seen and changed by hooks that are there only while somebody needs them.

A module is called by its path in the author's object: "policy.layers.0". What returns several tensors has a signal for
each: "memory.0", "memory.1.0". Nothing waits for a device before a value is read.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ainimal_zookeeper.modality import Modality, ModalityKind

from ..gate import Gate
from ..state.torches import library
from .cells import Cell, Change
from .holding import Chain, Holdings, follow
from .source import Listed
from .values import is_tensor, modality_of

Keys = tuple[Any, ...]  # from what a module returns to one tensor in it

_COMPILED = "torch compiles it into one piece: this signal needs eager mode, without torch.compile"
_SCRIPTED = "it is compiled by torch.jit: this signal needs eager mode, the module as it was written"
_IN_FUNCTION = (
    "it did not run on its own in the last step: what torch.compile makes into one piece needs eager mode to be seen"
)
_NO_NUMBERS = "it returns no tensor of real numbers, nor a tuple, list or mapping of some"
_NOT_YET = "it has not run yet, so its shape is not known"


@dataclass(slots=True)
class Place:
    """Where a module is, and why its output cannot be tapped, None when it can."""

    chain: Chain
    reason: str | None


class Modules:
    """The activations of the modules in `subject`. Step thread only."""

    def __init__(self, subject: Any, gate: Gate) -> None:
        self._subject = subject
        self._gate = gate
        self._places: dict[str, Place] = {}
        self._compiled = False
        self._met: dict[str, dict[Keys, Modality]] = {}  # of what has run: a modality for each tensor
        self._cells: dict[str, dict[Keys, Cell]] = {}
        self._hooks: dict[str, tuple[Any, Any]] = {}  # module and handle
        self._flow: Flow | None = None  # while shapes and order are being learnt
        self._tried: set[str] = set()  # what could have run in a forward
        self._news = False
        self.edges: list[tuple[str, str]] = []

    def look(self, holdings: Holdings) -> None:
        """Takes note of the modules there are, and learns their shapes from the next forward."""
        self._compiled = holdings.compiled
        self._places = {}
        for held in holdings.modules:
            for name, _ in held.part.named_modules():
                path = f"{held.path}.{name}" if held.path and name else held.path or name
                chain = (*held.chain, *((False, part) for part in name.split(".") if part))
                if path and path not in self._places:
                    self._places[path] = Place(chain, _why_not(held.part, name))
        if self._flow is None and not self._tried.issuperset(self._open()):
            self._flow = Flow()
        self._sync()

    def listed(self) -> Iterator[Listed]:
        for path, place in self._places.items():
            met = self._met.get(path)
            if place.reason is not None:
                yield Listed(path, Modality(path, ModalityKind.TREE), False, False, place.reason)
            elif met is None:
                unseen = self._compiled and path in self._tried
                reason = _IN_FUNCTION if unseen else _NOT_YET
                yield Listed(path, Modality(path, ModalityKind.TREE), not unseen, False, reason)
            else:
                for keys, modality in met.items():
                    leaf = _leaf(path, keys)
                    if keys == () or leaf not in self._places:
                        none = _NO_NUMBERS if modality.kind is ModalityKind.TREE else None
                        yield Listed(leaf, modality, none is None, none is None, none)

    def knows(self, path: str) -> bool:
        return self._find(path) is not None

    def may_be(self, path: str) -> bool:
        """Tells whether it may turn out as a part of what a module returns that has not run yet."""
        return self._part(path) is not None

    def observe(self, paths: frozenset[str]) -> None:
        for cell in self._all_cells():
            cell.observed = False
        for path in paths:
            self._cell(path).observed = True
        self._sync()

    def change(self, changes: Mapping[str, Change]) -> None:
        for cell in self._all_cells():
            cell.change = None
        for path, change in changes.items():
            self._cell(path).change = change
        self._sync()

    def read(self, path: str) -> Any | None:
        found = self._find(path) or self._part(path)
        cell = None if found is None else self._cells.get(found[0], {}).get(found[1])
        return None if cell is None else cell.read()

    def shapes(self) -> dict[str, list[int]]:
        """Returns the shapes of what modules returned, where that is one tensor."""
        found = {path: met[()] for path, met in self._met.items() if () in met}
        return {path: [int(length or 0) for length in modality.shape] for path, modality in found.items()}

    def news(self) -> bool:
        """Returns whether there is more to list than before. Between two steps only."""
        if self._flow is not None and self._flow.ran:
            self.edges = list(self._flow.edges)
            self._flow = None
            self._tried.update(self._open())
            self._news |= self._compiled
        changed, self._news = self._news, False
        self._sync()
        return changed

    def renew(self) -> None:
        """Lets hooks be where they are needed, also where another module stands in the place of one."""
        if self._hooks or self._cells or self._flow is not None:
            self._sync()

    def rest(self) -> None:
        """Takes all hooks away, until `renew`: modules are copied and pickled while they learn and are saved."""
        for _, handle in self._hooks.values():
            handle.remove()
        self._hooks.clear()

    def close(self) -> None:
        self.rest()

    # --- which hooks there are -----------------------------------------------------------------------------------

    def _open(self) -> Iterator[str]:
        return (path for path, place in self._places.items() if place.reason is None)

    def _find(self, path: str) -> tuple[str, Keys] | None:
        if path in self._places and (() in self._met.get(path, {(): None})):
            return path, ()
        module = path
        while "." in module:
            module = module.rpartition(".")[0]
            for keys in self._met.get(module, ()):
                if _leaf(module, keys) == path:
                    return module, keys
        return (path, ()) if path in self._places else None

    def _part(self, path: str) -> tuple[str, Keys] | None:
        module, _, _ = path.rpartition(".")
        while module and module not in self._places:
            module = module.rpartition(".")[0]
        if not module or module in self._met:
            return None
        keys = path[len(module) + 1 :].split(".")
        return module, tuple(int(key) if key.isdecimal() else key for key in keys)

    def _cell(self, path: str) -> Cell:
        found = self._find(path) or self._part(path)
        if found is None:
            raise LookupError(path)
        module, keys = found
        cells = self._cells.setdefault(module, {})
        return cells.setdefault(keys, Cell(f"activations.{path}"))

    def _all_cells(self) -> Iterator[Cell]:
        return (cell for cells in self._cells.values() for cell in cells.values())

    def _sync(self) -> None:
        """Lets exactly those modules have hooks that need them, also where one stands in another's place by now."""
        for path, cells in list(self._cells.items()):
            for keys, cell in list(cells.items()):
                if cell.idle:
                    del cells[keys]
            if not cells:
                del self._cells[path]
        needed = set(self._cells)
        if self._flow is not None:
            needed.update(self._open())
        for path in list(self._hooks):
            module, handle = self._hooks[path]
            if path not in needed or self._module(path) is not module:
                handle.remove()
                del self._hooks[path]
        for path in needed - self._hooks.keys():
            module = self._module(path)
            if module is not None:
                self._hooks[path] = module, module.register_forward_hook(self._hook(path, module))

    def _module(self, path: str) -> Any | None:
        place = self._places.get(path)
        if place is None:
            return None
        try:
            return follow(self._subject, place.chain)
        except Exception:  # noqa: BLE001 - whatever an author's object does when it is looked at: it is not there
            return None

    # --- within the forward --------------------------------------------------------------------------------------

    def _hook(self, path: str, tapped: Any) -> Callable[[Any, Any, Any], Any]:
        compiling, gate, cells = _is_compiling(library()), self._gate, self._cells

        def took(module: Any, arguments: Any, output: Any) -> Any:
            if compiling() or gate.shut or module is not tapped:  # a copy of a module has its hooks
                return None
            flow = self._flow
            if path not in self._met:
                self._meet(path, output)
            if flow is not None:
                flow.took(path, module, arguments, output)
            wanted = cells.get(path)
            if wanted is None:
                return None
            replaced = output
            for keys, cell in wanted.items():
                try:
                    value = _at(output, keys)
                except (LookupError, TypeError, AttributeError):
                    cell.forget()
                    continue
                new = cell.through(value)
                if new is not value:
                    replaced = _with(replaced, keys, new)
            return None if replaced is output else replaced

        return took

    def _meet(self, path: str, output: Any) -> None:
        found = {keys: modality_of(_leaf(path, keys), tensor) for keys, tensor in tensors_in(output)}
        self._met[path] = found or {(): Modality(path, ModalityKind.TREE)}
        self._news = True


class Flow:
    """Which layers ran one after the other in one forward, and which took what another returned. It holds no tensor."""

    def __init__(self) -> None:
        self.ran = False
        self.edges: dict[tuple[str, str], None] = {}
        self._made: dict[int, tuple[weakref.ref[Any], str]] = {}  # by id, which is used again for others
        self._first: str | None = None
        self._last: str | None = None
        self._over = False

    def took(self, path: str, module: Any, arguments: Any, output: Any) -> None:
        self.ran = True
        shown = is_layer(module)
        if self._over or (shown and path == self._first):  # the next forward begins
            self._over = True
            self._made.clear()
            return
        if shown:
            made_by = [source for _, tensor in tensors_in(arguments) if (source := self._maker(tensor)) is not None]
            for source in made_by or ([] if self._last is None else [self._last]):
                if source != path:
                    self.edges[source, path] = None
            self._last = path
            self._first = self._first or path
        if self._last is None:
            return
        for _, tensor in tensors_in(output):
            if shown or self._maker(tensor) is None:
                self._made[id(tensor)] = weakref.ref(tensor), self._last

    def _maker(self, tensor: Any) -> str | None:
        """Returns the layer that a tensor came from, None where nobody knows."""
        found = self._made.get(id(tensor))
        return None if found is None or found[0]() is not tensor else found[1]


def is_layer(module: Any) -> bool:
    """Tells whether a module is more than what holds others."""
    return next(module.children(), None) is None or next(module.parameters(recurse=False), None) is not None


def tensors_in(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yields the tensors in tuples, lists and mappings, each with the keys that lead to it."""
    if is_tensor(value):
        yield keys, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from tensors_in(part, (*keys, key))
    elif isinstance(value, (list, tuple)) and len(keys) < 4:
        for index, part in enumerate(value):
            yield from tensors_in(part, (*keys, index))


def _why_not(root: Any, name: str) -> str | None:
    """Returns why the output of the module `name` of `root` cannot be tapped; None when it can."""
    torch = library()
    module, parts = root, [part for part in name.split(".") if part]
    for index in range(len(parts) + 1):
        if isinstance(module, torch.jit.ScriptModule):
            return _SCRIPTED
        if getattr(module, "_compiled_call_impl", None) is not None:
            return _COMPILED
        inside = index < len(parts)
        if inside and (type(module).__name__ == "OptimizedModule" or _forward_is_compiled(module)):
            return _COMPILED
        if inside:
            module = getattr(module, parts[index])
    return None


def _is_compiling(torch: Any) -> Callable[[], bool]:
    """Returns what tells whether code is only traced, to be compiled; old versions of torch cannot be asked."""
    asked: Callable[[], bool] | None = getattr(getattr(torch, "compiler", None), "is_compiling", None)
    return asked or (lambda: False)


def _forward_is_compiled(module: Any) -> bool:
    return hasattr(getattr(module, "forward", None), "_torchdynamo_orig_callable")


def _leaf(path: str, keys: Keys) -> str:
    return ".".join([path, *map(str, keys)])


def _at(value: Any, keys: Keys) -> Any:
    for key in keys:
        value = value[key]
    return value


def _with(value: Any, keys: Keys, new: Any) -> Any:
    """Returns `value` with `new` in the place that `keys` lead to; nothing is changed in place."""
    if not keys:
        return new
    part = _with(value[keys[0]], keys[1:], new)
    if isinstance(value, Mapping):
        changed: Any = copy.copy(value)
        changed[keys[0]] = part
        return changed
    parts = [part if index == keys[0] else each for index, each in enumerate(value)]
    if isinstance(value, list):
        return parts
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
