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


def numbers_in(region: Region) -> tuple[dict[str, Tensor], bytes | None]:
    """Returns the numbers by their paths, and the rest without them.

    Where they are too many to tell anybody anything, there are none, and None is the rest. Raises: DataCorrupt.
    """
    if region.size > _MAX_BYTES:
        return {}, None
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
                    return {}, None
                continue
            below = node.get("items", {}) if isinstance(node, dict) and "$" in node else node
            if isinstance(below, (dict, list)):
                waiting.append((name, below))
    return found, json.dumps(holder, sort_keys=True).encode()


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
