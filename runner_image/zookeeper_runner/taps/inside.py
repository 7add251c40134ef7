"""Inside: the tensors of a model that is no Python object, by paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.paths import is_path
from ainimal_zookeeper.modality import ModalityKind
from ainimal_zookeeper.models.inside import Inside

from .cells import Change
from .source import Listed
from .values import made_like, shown

_ODD = re.compile(r"[^A-Za-z0-9_\-/:\[\].]")
_NO_ARRAY = "it is no tensor of numbers or text of a known shape"


class InsideActivations:
    """What is computed within a forward of `inside`. Step thread only."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._names = _by_path(inside.activations())

    def listed(self) -> Iterator[Listed]:
        modalities = self._inside.activations()
        for path, name in self._names.items():
            fixed = _NO_ARRAY if modalities[name].kind is ModalityKind.TREE else None
            yield Listed(path, modalities[name], True, fixed is None, fixed)

    def knows(self, path: str) -> bool:
        return path in self._names

    def observe(self, paths: frozenset[str]) -> None:
        self._inside.observe(frozenset(self._names[path] for path in paths))

    def change(self, changes: Mapping[str, Change]) -> None:
        self._inside.change({self._names[path]: _changing(path, change) for path, change in changes.items()})

    def read(self, path: str) -> Any | None:
        value = self._inside.activation(self._names[path])
        return None if value is None else shown(value)

    def news(self) -> bool:
        return False

    def close(self) -> None:
        self._inside.observe(frozenset())
        self._inside.change({})


class InsideWeights:
    """The weights of `inside`. Step thread only."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._names = _by_path(inside.weights())

    def listed(self) -> Iterator[Listed]:
        modalities = self._inside.weights()
        return (Listed(path, modalities[name], True, True, None) for path, name in self._names.items())

    def knows(self, path: str) -> bool:
        return path in self._names

    def read(self, path: str) -> Any | None:
        return self._inside.weight(self._names[path])

    def write(self, path: str, value: Any) -> None:
        """Raises: InvalidInput for what does not fit."""
        name = self._names[path]
        now = self._inside.weight(name)
        if now is None:
            raise InvalidInput(f"weights.{path} is not there any more")
        self._inside.set_weight(name, made_like(now, value, f"weights.{path}"))


def _by_path(names: Iterable[str]) -> dict[str, str]:
    """Returns names by the paths that they have below their group; what no path can hold is an underscore there."""
    found: dict[str, str] = {}
    for name in names:
        path = _ODD.sub("_", name)
        if not is_path(f"weights.{path}"):
            path = path.replace(".", "_")
        while path in found:
            path += "_"
        if is_path(f"weights.{path}"):
            found[path] = name
    return found


def _changing(path: str, change: Change) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        return made_like(value, change(value.copy()), f"activations.{path}")

    return changed
