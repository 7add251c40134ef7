"""Architecture: what a model is made of, as far as its own object shows it: layers of torch, or arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import prod
from typing import Any

from .taps.holding import Holdings
from .taps.modules import is_layer

_LAYERS = 1_000  # a manifest is one document


def architecture_of(
    holdings: Holdings,
    shapes: Mapping[str, list[int]] | None = None,
    edges: Iterable[tuple[str, str]] = (),
) -> dict[str, Any] | None:
    """Returns layers in order with counts of parameters, and edges; None without any.

    Layers are those of torch where there are any, else the arrays of real numbers. shapes: of what layers returned, as
    far as they have run. edges: which layers took what others returned, where that is known; else those that a
    Sequential puts one after the other are joined.
    """
    nodes, assumed, count = [], [], 0
    seen: set[int] = set()  # modules that hold each other are shown once
    for held in holdings.modules:
        for path, layer in held.part.named_modules(prefix=held.path):
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            own = sum(_size(parameter) for parameter in layer.parameters(recurse=False))
            count += own
            if type(layer).__name__ == "Sequential":
                inside = [f"{path}.{child}" if path else child for child, _ in layer.named_children()]
                assumed += list(pairwise(inside))
            if is_layer(layer):
                nodes.append(_layer(path, type(layer).__name__, own, _attributes(layer), (shapes or {}).get(path)))
    if not nodes:
        for held in holdings.arrays:
            shape = tuple(map(int, held.part.shape))
            count += prod(shape)
            nodes.append(_layer(held.path, "array", prod(shape), {"shape": list(shape)}))
    shown = nodes[:_LAYERS]
    known = {node["id"] for node in shown}
    drawn = [
        {"source": source, "target": target}
        for source, target in dict.fromkeys(list(edges) or assumed)
        if source in known and target in known
    ]
    return {"nodes": shown, "edges": drawn, "parameterCount": float(count)} if shown else None


def _size(parameter: Any) -> int:
    """Returns how many numbers there are; 0 where that is known only after the first use."""
    return 0 if "Uninitialized" in type(parameter).__name__ else int(parameter.numel())


def _layer(
    name: str, kind: str, count: int, attributes: dict[str, Any], shape: list[int] | None = None
) -> dict[str, Any]:
    whole = name or kind
    return {
        "id": whole,
        "name": whole,
        "type": kind,
        "parameterCount": float(count),
        "outputShape": shape,
        "attributes": attributes,
    }


def _attributes(layer: Any) -> dict[str, Any]:
    """Returns the plain numbers and texts of a layer: in_features, kernel_size, ..."""
    found = {}
    for name, value in vars(layer).items():
        plain = list(value) if isinstance(value, tuple) else value
        parts = plain if isinstance(plain, list) else [plain]
        if not name.startswith("_") and name != "training" and all(isinstance(part, (int, str)) for part in parts):
            found[name] = plain
    return found
