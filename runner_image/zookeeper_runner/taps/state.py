"""State: what an author shows as `state` and changes by `set_state`; of a class without them, its plain attributes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.paths import is_path
from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.models.agent import Agent

from .source import Listed
from .values import made_like, shown

SIGNALS = 200
COUNTED = 2_000  # of those beyond: counting has to end as well
_FIXED = "the class has no set_state"
_PLAIN = (bool, int, float, str, np.generic)


class State:
    """The state of `agent`. Step thread only."""

    def __init__(self, agent: Agent) -> None:
        self._subject = agent.subject
        self._fixed = agent.inside is not None  # its object is none that an author wrote
        self._get: Callable[[], Mapping[str, Any]] = agent.can.state or self._attributes
        self._set = agent.can.set_state if agent.can.state is not None else self._set_attribute
        self.left_out = 0

    def listed(self) -> Iterator[Listed]:
        """Raises whatever the author's `state` raises."""
        found = _leaves(self._get(), ())
        fixed = self._set is None
        for keys, modality in islice(found, SIGNALS):
            yield Listed(".".join(keys), modality, True, not fixed, _FIXED if fixed else None)
        self.left_out = sum(1 for _ in islice(found, COUNTED))

    def knows(self, path: str) -> bool:
        return self._find(path) is not None

    def read(self, path: str) -> Any | None:
        value = self._find(path)
        return None if value is None else shown(value)

    def write(self, path: str, value: Any) -> None:
        """Raises: InvalidInput for what does not fit, and whatever the author's `set_state` raises."""
        if self._set is None:
            raise InvalidInput(f"state.{path} cannot be written: {_FIXED}; write set_state(name, value)")
        now = self._find(path)
        if now is None:
            raise InvalidInput(f"state.{path} is not there any more")
        new = made_like(now, value, f"state.{path}")
        state = self._get()
        for name in _beginnings(path):
            if name in state:
                rest = path[len(name) + 1 :]
                self._set(name, _replaced(state[name], rest.split("."), new) if rest else new)
                return

    def _find(self, path: str) -> Any | None:
        state = self._get()
        for name in _beginnings(path):
            if name in state:
                return _walk(state[name], path[len(name) + 1 :].split(".") if len(path) > len(name) else [])
        return None

    def _attributes(self) -> Mapping[str, Any]:
        own = {} if self._fixed else getattr(self._subject, "__dict__", {})
        return {name: part for name, part in own.items() if not name.startswith("_") and isinstance(part, _PLAIN)}

    def _set_attribute(self, name: str, value: Any) -> None:
        setattr(self._subject, name, value)


def _leaves(tree: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Modality]]:
    """Yields each array, number and text in `tree` as a modality, with the keys that lead to it."""
    if tree is None or (keys and not is_path(".".join(("state", *keys)))):
        return
    if isinstance(tree, Mapping):
        for name, part in tree.items():
            yield from _leaves(part, (*keys, str(name)))
    elif isinstance(tree, (list, tuple)) and tree and not all(isinstance(part, (int, float)) for part in tree):
        for index, part in enumerate(tree):
            yield from _leaves(part, (*keys, str(index)))
    elif keys and (modality := _modality(keys[-1], tree)) is not None:
        yield keys, modality


def _modality(name: str, value: Any) -> Modality | None:
    try:
        modality = next(iter(Modality.from_example(shown(value), name).values()))
    except Exception:  # noqa: BLE001 - whatever an author keeps in a state; what has no modality is not shown
        return None
    return None if modality.kind is ModalityKind.TREE else modality


def _beginnings(path: str) -> Iterator[str]:
    """Yields `path` and what it may lie in, the longest first: names may have dots."""
    parts = path.split(".")
    return (".".join(parts[:count]) for count in range(len(parts), 0, -1))


def _walk(tree: Any, keys: list[str]) -> Any:
    for key in keys:
        if isinstance(tree, Mapping):
            tree = tree.get(key)
        elif isinstance(tree, (list, tuple)) and key.isdecimal() and int(key) < len(tree):
            tree = tree[int(key)]
        else:
            return None
    return tree


def _replaced(tree: Any, keys: list[str], new: Any) -> Any:
    """Returns `tree` with `new` in the place that `keys` lead to; nothing is changed in place."""
    if not keys:
        return new
    key = keys[0]
    if isinstance(tree, Mapping):
        changed: Any = copy.copy(tree)
        changed[key] = _replaced(tree[key], keys[1:], new)
        return changed
    parts = [_replaced(part, keys[1:], new) if str(index) == key else part for index, part in enumerate(tree)]
    return type(tree)(parts)
