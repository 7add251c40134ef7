"""Sources: where the signals of one group come from. Each kind of model has its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ainimal_zookeeper.modality import Modality

from .cells import Change


@dataclass(frozen=True, slots=True)
class Listed:
    """A signal; `path` without its group. reason: why it cannot be observed, or else not overridden."""

    path: str
    modality: Modality
    observable: bool
    overridable: bool
    reason: str | None


class Activations(Protocol):
    """What is computed within a forward."""

    def listed(self) -> Iterable[Listed]: ...

    def knows(self, path: str, /) -> bool: ...

    def observe(self, paths: frozenset[str], /) -> None:
        """Keeps these values, which it knows, in each forward; no others."""
        ...

    def change(self, changes: Mapping[str, Change], /) -> None:
        """Puts what these make of their values in their place; no others."""
        ...

    def read(self, path: str, /) -> Any | None:
        """Returns a value of the last forward; None before."""
        ...

    def news(self) -> bool:
        """Returns whether there is more to list than before. Between two steps only."""
        ...

    def close(self) -> None: ...


class Values(Protocol):
    """What is there between two steps, and can be replaced: weights, state."""

    def listed(self) -> Iterable[Listed]: ...

    def knows(self, path: str, /) -> bool: ...

    def read(self, path: str, /) -> Any | None: ...

    def write(self, path: str, value: Any, /) -> None:
        """Raises: InvalidInput for what does not fit."""
        ...
