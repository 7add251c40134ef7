"""Architecture: what a model is made of, as far as its own object shows it: layers of torch, or arrays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

_LAYERS = 1_000  # a manifest is one document


def architecture_of(subject: Any) -> dict[str, Any] | None:
    """Returns layers in order with counts of parameters, and edges where layers follow each other; None without any.

    Layers are those of torch where there are any, else the arrays of numbers that the object or its dicts hold.
    """
    torch = sys.modules.get("torch")
    module_type = None if torch is None else getattr(getattr(torch, "nn", None), "Module", None)
    if module_type is None:
        modules: dict[str, Any] = {}
    elif isinstance(subject, module_type):
        modules = {"": subject}
    else:
        modules = {name: part for name, part in _parts(subject) if isinstance(part, module_type)}
    nodes, edges, count = [], [], 0
    seen: set[int] = set()  # modules that hold each other are shown once
    for name, module in modules.items():
        for path, layer in module.named_modules(prefix=name):
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            own = sum(parameter.numel() for parameter in layer.parameters(recurse=False))
            count += own
            children = [child for child, _ in layer.named_children()]
            if type(layer).__name__ == "Sequential":
                inside = [f"{path}.{child}" if path else child for child in children]
                edges += [{"source": one, "target": other} for one, other in pairwise(inside)]
            if own or not children:
                nodes.append(_layer(path, type(layer).__name__, own, _attributes(layer)))
    if not nodes:
        for name, array in _parts(subject):
            if isinstance(array, np.ndarray) and array.dtype.kind in "fc" and array.size:
                count += array.size
                nodes.append(_layer(name, "array", prod(array.shape), {"shape": list(array.shape)}))
    shown = nodes[:_LAYERS]
    known = {node["id"] for node in shown}
    kept = [edge for edge in edges if edge["source"] in known and edge["target"] in known]
    return {"nodes": shown, "edges": kept, "parameterCount": float(count)} if shown else None


def _parts(subject: Any) -> Iterator[tuple[str, Any]]:
    """Yields an object's attributes by name, and what its dicts hold."""
    for name, part in getattr(subject, "__dict__", {}).items():
        if isinstance(part, dict):
            for key, inner in part.items():
                yield f"{name}.{key}", inner
        else:
            yield name, part


def _layer(name: str, kind: str, count: int, attributes: dict[str, Any]) -> dict[str, Any]:
    whole = name or kind
    return {
        "id": whole,
        "name": whole,
        "type": kind,
        "parameterCount": float(count),
        "outputShape": None,
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
