"""Frames: binary messages of the live link and of seats, as docs/protocols.md defines them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import InvalidInput

_ALIGNMENT = 8


def pack(header: Mapping[str, Any], payload: bytes | memoryview = b"") -> bytes:
    """Returns a message: length of the header, the header as JSON, zeros up to a multiple of 8, the payload."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    padding = -(4 + len(text)) % _ALIGNMENT
    return b"".join((len(text).to_bytes(4, "little"), text, bytes(padding), payload))


def unpack(message: bytes) -> tuple[dict[str, Any], memoryview]:
    """Returns header and payload of what `pack` made. Raises: InvalidInput for anything else."""
    length = int.from_bytes(message[:4], "little")
    if len(message) < 4 or 4 + length > len(message):
        raise InvalidInput(f"a binary message of {len(message)} bytes is too short for its header of {length}")
    try:
        header = json.loads(message[4 : 4 + length])
    except ValueError as error:
        raise InvalidInput(f"the header of a binary message is no JSON ({error})") from None
    if not isinstance(header, dict):
        raise InvalidInput(f"the header of a binary message is a {type(header).__name__}; it must be an object")
    start = 4 + length
    return header, memoryview(message)[start + (-start % _ALIGNMENT) :]


def plain_array(value: Any) -> np.ndarray[Any, Any]:
    """Returns an array in C order and little-endian, as it travels. Raises: InvalidInput for what is no numbers."""
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise InvalidInput(f"values of dtype {array.dtype} cannot be sent; only numbers can")
    return np.asarray(array, array.dtype.newbyteorder("<"), order="C")


def pack_tree(header: Mapping[str, Any], tree: Any) -> bytes:
    """Returns a message whose header holds the structure of `tree` and whose payload its arrays.

    tree: mappings, lists and tuples of arrays, numbers, text and None. Tuples arrive as lists.
    """
    parts: list[bytes] = []
    size = 0

    def structure(value: Any) -> Any:
        nonlocal size
        if isinstance(value, Mapping):
            return {"map": {str(name): structure(part) for name, part in value.items()}}
        if isinstance(value, (list, tuple)):
            return {"list": [structure(part) for part in value]}
        if value is None or isinstance(value, (str, bool)):
            return {"value": value}
        array = plain_array(value)
        data = array.tobytes()
        leaf = {"dtype": array.dtype.name, "shape": list(array.shape), "offset": size}
        padding = -len(data) % _ALIGNMENT
        parts.extend((data, bytes(padding)))
        size += len(data) + padding
        return leaf

    packed = structure(tree)
    return pack({**header, "tree": packed}, b"".join(parts))


def unpack_tree(header: Mapping[str, Any], payload: memoryview) -> Any:
    """Returns the tree of a message. Arrays are copies; shape () comes as a numpy scalar. Raises: InvalidInput."""

    def value(node: Any) -> Any:
        if "map" in node:
            return {name: value(part) for name, part in node["map"].items()}
        if "list" in node:
            return [value(part) for part in node["list"]]
        if "value" in node:
            return node["value"]
        dtype = np.dtype(node["dtype"]).newbyteorder("<")
        shape = tuple(int(length) for length in node["shape"])
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(payload, dtype, count, int(node["offset"])).reshape(shape)
        return array.astype(dtype.newbyteorder("="))[()]

    try:
        return value(header["tree"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"the tree of a message cannot be read ({type(error).__name__}: {error})") from None
