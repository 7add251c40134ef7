"""Inside: what a model shows of itself that is no Python object: a graph that a library runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ainimal_zookeeper.modality import Modality


class Inside(Protocol):
    """Tensors within a model, by names of its own. Called between two forwards only."""

    def activations(self) -> Mapping[str, Modality]:
        """Returns what is computed within a forward."""
        ...

    def weights(self) -> Mapping[str, Modality]: ...

    def observe(self, names: frozenset[str], /) -> None:
        """Keeps these activations in each forward; no others."""
        ...

    def change(self, changes: Mapping[str, Callable[[Any], Any]], /) -> None:
        """Puts what these make of activations in their place, within the forward; no others."""
        ...

    def activation(self, name: str, /) -> Any | None:
        """Returns an observed array of the last forward; None before."""
        ...

    def weight(self, name: str, /) -> Any: ...

    def set_weight(self, name: str, value: Any, /) -> None:
        """`value` has the shape and the dtype of what is there."""
        ...

    def architecture(self) -> dict[str, Any] | None:
        """Returns {nodes, edges, parameterCount}."""
        ...
