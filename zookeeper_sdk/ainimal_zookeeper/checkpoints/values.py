"""Values: the numbers among what the zoo has found in a model, as tensors without axes.

They are nodes (docs/checkpoints.md): numbers, texts, lists and objects stand for themselves, all else is an object with
the key "$", whose parts are its `items`.
"""

from __future__ import annotations

import io
import json
import struct
from typing import Any

from ainimal_zookeeper.domain.errors import DataCorrupt

from . import elements
from .regions import Region
from .tensors import Tensor

MAX_NUMBERS = 1_000
_MAX_BYTES = 4 << 20
_INT64 = 2**63


def parts_of(region: Region, whole: str) -> tuple[dict[str, Tensor], dict[str, bytes]]:
    """Returns the numbers by their paths, and what else there is of each attribute by the attribute's name.

    What is no object with attributes goes by the name `whole`; where numbers or attributes are too many to tell anybody
    anything, nothing is returned. Raises: DataCorrupt.
    """
    if region.size > _MAX_BYTES:
        return {}, {}
    try:
        holder = [json.loads(region.read_at(0, region.size))]
    except (ValueError, RecursionError):
        raise DataCorrupt("it is no JSON") from None
    found = dict[str, Tensor]()
    waiting: list[tuple[str, Any]] = [("", holder)]
    while waiting:
        path, items = waiting.pop()
        for key, node in list(items.items()) if isinstance(items, dict) else list(enumerate(items)):
            name = path if items is holder else f"{path}.{key}" if path else str(key)
            number = _number(node)
            if number is not None:
                found[name] = number
                items[key] = None
                if len(found) > MAX_NUMBERS:
                    return {}, {}
                continue
            below = node.get("items", {}) if isinstance(node, dict) and "$" in node else node
            if isinstance(below, (dict, list)):
                waiting.append((name, below))
    rest = _attributes(holder[0])
    if rest is None:
        rest = {whole: holder}
    if len(rest) > MAX_NUMBERS:
        return {}, {}
    return found, {name: json.dumps(node, sort_keys=True).encode() for name, node in rest.items()}


def _attributes(root: Any) -> dict[str, Any] | None:
    """Returns the nodes of a model's attributes that are compared as bytes; None of what has no attributes."""
    items = root.get("items") if isinstance(root, dict) and root.get("$") == "object" else None
    if not isinstance(items, dict):
        return None
    return {name: node for name, node in items.items() if not _is_told_elsewhere(node)}


def _is_told_elsewhere(node: Any) -> bool:
    """Tells whether a node is a number that was taken out, a tensor that has a file of its own, or saved nowhere."""
    return node is None or (isinstance(node, dict) and node.get("$") in ("array", "tensor", "kept"))


def _number(node: Any) -> Tensor | None:
    """Returns the tensor of a node that is a number."""
    kind = type(node)
    if kind is bool:
        return _tensor("|b1", bytes([node]))
    if kind is int and -_INT64 <= node < _INT64:
        return _tensor("<i8", struct.pack("<q", node))
    if kind is float:
        return _tensor("<f8", struct.pack("<d", node))
    if kind is not dict or not isinstance(node.get("$"), str):
        return None
    try:
        if node["$"] == "float":
            return _tensor(">f8", bytes.fromhex(node["bits"]))
        if node["$"] == "scalar":
            return _tensor(node["dtype"], bytes.fromhex(node["hex"]))
    except (KeyError, TypeError, ValueError):
        raise DataCorrupt(f"it holds {node!r:.100}, which is no number") from None
    return None


def _tensor(descr: str, data: bytes) -> Tensor | None:
    element = elements.of_numpy(descr)
    if element.size != len(data):
        return None
    return Tensor(element, (), len(data), lambda: io.BytesIO(data))
