"""Holding: where in an author's object its networks and arrays are, by the paths that they have in checkpoints."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..state.taking import attributes_of, is_authored
from ..state.torches import library

_DEEPEST = 8
_OBJECTS = 5_000
_MEMBERS = 1_000  # of a list or dict: longer ones are data
_PASSED = (types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, type, str, bytes)

Chain = tuple[tuple[bool, Any], ...]  # (by item, key) from the object on


@dataclass(frozen=True, slots=True)
class Held:
    """A part of an object. path: "policy.layers", "" for the object itself."""

    path: str
    chain: Chain
    part: Any


@dataclass(slots=True)
class Holdings:
    """modules: of torch, as they are held, without those in them. arrays: of real numbers, tensors among them.

    compiled: whether it holds functions that torch compiles.
    """

    modules: list[Held] = field(default_factory=list)
    arrays: list[Held] = field(default_factory=list)
    compiled: bool = False


def follow(subject: Any, chain: Chain) -> Any:
    """Returns the part at the end of `chain`. Raises: AttributeError, LookupError, TypeError when it is gone."""
    for by_item, key in chain:
        subject = subject[key] if by_item else getattr(subject, key)
    return subject


def put(subject: Any, chain: Chain, value: Any) -> None:
    """Puts `value` in the place of the part at the end of `chain`."""
    *way, (by_item, key) = chain
    holder = follow(subject, tuple(way))
    if by_item:
        holder[key] = value
    else:
        setattr(holder, key, value)


def holdings_of(subject: Any) -> Holdings:
    """Looks through attributes, dicts and lists. Nothing of the author's is called."""
    return _Search(subject).found


class _Search:
    def __init__(self, subject: Any) -> None:
        self.found = Holdings()
        self._subject = subject
        self._torch = library()
        self._seen: set[int] = set()
        self._look(Held("", (), subject), 0, own=True)
        for each in type(subject).__mro__:
            self.found.compiled |= any(map(_is_compiled, vars(each).values()))

    def _look(self, held: Held, depth: int, *, own: bool) -> None:
        """own: whether it belongs to something that the author wrote, so that its arrays are the model's."""
        part = held.part
        if _is_compiled(part):
            self.found.compiled = True
        if isinstance(part, _PASSED) or part is None or isinstance(part, (bool, int, float, np.generic)):
            return
        if id(part) in self._seen or depth > _DEEPEST or len(self._seen) >= _OBJECTS:
            return
        self._seen.add(id(part))
        torch = self._torch
        if torch is not None and isinstance(part, torch.nn.Module):
            self._take_module(torch, held)
        elif torch is not None and isinstance(part, torch.Tensor):
            if own and part.is_floating_point():
                self.found.arrays.append(held)
        elif isinstance(part, np.ndarray) or _is_jax(part):
            if own and np.dtype(part.dtype).kind == "f" and part.size:
                self.found.arrays.append(held)
        elif isinstance(part, Mapping):
            if type(part).__module__ in {"builtins", "collections"} and len(part) <= _MEMBERS:
                self._look_into(held, ((str(key), (True, key), each) for key, each in part.items()), depth, own)
        elif isinstance(part, (list, tuple, deque)):
            if len(part) <= _MEMBERS:
                self._look_into(held, ((str(key), (True, key), each) for key, each in enumerate(part)), depth, own)
        elif (own := is_authored(part, self._subject)) or not _keeps_its_own_state(part):
            named = attributes_of(part) if own else getattr(part, "__dict__", {})
            self._look_into(held, ((name, (False, name), each) for name, each in named.items()), depth, own)

    def _look_into(self, held: Held, parts: Iterator[tuple[str, tuple[bool, Any], Any]], depth: int, own: bool) -> None:
        for name, step, part in list(parts):
            path = f"{held.path}.{name}" if held.path else name
            self._look(Held(path, (*held.chain, step), part), depth + 1, own=own)

    def _take_module(self, torch: Any, held: Held) -> None:
        self.found.modules.append(held)
        self._seen.update(map(id, held.part.modules()))
        self._seen.update(map(id, (*held.part.parameters(), *held.part.buffers())))
        common = vars(torch.nn.Module())
        for name, part in list(vars(held.part).items()):
            if name not in common and is_authored(held.part, self._subject):
                path = f"{held.path}.{name}" if held.path else name
                self._look(Held(path, (*held.chain, (False, name)), part), 1, own=True)


def _is_compiled(part: Any) -> bool:
    return isinstance(part, types.FunctionType) and hasattr(part, "_torchdynamo_orig_callable")


def _is_jax(part: Any) -> bool:
    return type(part).__module__.partition(".")[0] in {"jax", "jaxlib"} and hasattr(part, "dtype")


def _keeps_its_own_state(part: Any) -> bool:
    """Tells whether it is an optimizer or the like: its arrays are no weights."""
    return callable(getattr(type(part), "state_dict", None))
