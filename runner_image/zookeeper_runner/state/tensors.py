"""Tensors: arrays by name in the safetensors format, laid out without copying them and found again in place.

The format's own package is not used: it has no bfloat16 for NumPy, wants one dtype a call, and would have to be
installed beside each author's interpreter. A file is eight bytes of length, a JSON header of that length, and the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import DataCorrupt

_HEADER_LIMIT = 100_000_000  # the format's own
_ALIGNED = 8

ITEM_SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1,
    "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4,
    "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip
_OF_NUMPY = {
    "|b1": "BOOL", "|u1": "U8", "|i1": "I8", "<i2": "I16", "<u2": "U16", "<f2": "F16",
    "<i4": "I32", "<u4": "U32", "<f4": "F32", "<i8": "I64", "<u8": "U64", "<f8": "F64",
}  # fmt: skip
_TO_NUMPY = {code: dtype for dtype, code in _OF_NUMPY.items()} | {"BF16": "<u2", "F8_E4M3": "|u1", "F8_E5M2": "|u1"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """dtype: the format's name. data: C-contiguous; its items have the size of `dtype`'s, and its kind where it can."""

    dtype: str
    shape: tuple[int, ...]
    data: np.ndarray[Any, Any]

    @property
    def size_bytes(self) -> int:
        return prod(self.shape) * ITEM_SIZES[self.dtype]


def code_of(dtype: np.dtype[Any]) -> str | None:
    """Returns the format's name of a dtype, None where it has none."""
    return _OF_NUMPY.get(dtype.str)


def layout(tensors: Mapping[str, Tensor]) -> list[Any]:
    """Returns the buffers that make a file, in order; they are the tensors' own memory."""
    header: dict[str, Any] = {}
    at = 0
    # The widest first, so that each is aligned by its own size.
    ordered = sorted(tensors.items(), key=lambda item: -ITEM_SIZES[item[1].dtype])
    for name, tensor in ordered:
        header[name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + tensor.size_bytes],
        }
        at += tensor.size_bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return [len(text).to_bytes(8, "little") + text, *(_bytes(tensor) for _, tensor in ordered if tensor.size_bytes)]


def parse(data: memoryview) -> dict[str, Tensor]:
    """Returns what a file holds, as read-only views of `data`. Raises: DataCorrupt."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_HEADER_LIMIT, len(data) - 8):
        raise DataCorrupt("a tensor file of the checkpoint is cut off: its header is longer than the file")
    try:
        header = json.loads(bytes(data[8 : 8 + length]))
        header.pop("__metadata__", None)
        body = data[8 + length :]
        return {name: _tensor(name, entry, body) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataCorrupt(f"a tensor file of the checkpoint cannot be read: {error}") from error


def _tensor(name: str, entry: Mapping[str, Any], body: memoryview) -> Tensor:
    dtype, shape = entry["dtype"], tuple(map(int, entry["shape"]))
    start, stop = map(int, entry["data_offsets"])
    if dtype not in ITEM_SIZES:
        raise DataCorrupt(f"the checkpoint's tensor {name} is of dtype {dtype}, which this version cannot read")
    size = prod(shape) * ITEM_SIZES[dtype]
    if min(shape, default=0) < 0 or start < 0 or stop - start != size or stop > len(body):
        raise DataCorrupt(f"the checkpoint's tensor {name} of shape {list(shape)} is not whole")
    data = np.frombuffer(body[start:stop], _TO_NUMPY[dtype]).reshape(shape)
    return Tensor(dtype, shape, data)


def _bytes(tensor: Tensor) -> Any:
    return tensor.data.reshape(-1).view(np.uint8).data
