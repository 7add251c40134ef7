"""Weights of a recording: tensors at one step, in a file of safetensors beside the segments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ainimal_zookeeper.domain.errors import DataCorrupt
from ainimal_zookeeper.domain.recordings import VERSION

Array = npt.NDArray[Any]

_NAMES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}
_TYPES = {name: np.dtype(dtype).newbyteorder("<") for dtype, name in _NAMES.items()}


def pieces(tensors: Mapping[str, Array]) -> Iterator[Any]:
    """Yields the bytes of a file that holds `tensors`, C-contiguous and of dtypes that safetensors has."""
    header, at = {}, 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": _NAMES[tensor.dtype.name],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + tensor.nbytes],
        }
        at += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for tensor in tensors.values():
        if tensor.size:
            yield tensor.reshape(-1).view(np.uint8).data


def entry(name: str, timeline: int, step: int, size_bytes: int, sha256: str) -> dict[str, Any]:
    """Returns what a manifest says of such a file."""
    return {
        "kind": "weights",
        "version": VERSION,
        "name": name,
        "timeline": timeline,
        "step": step,
        "sizeBytes": size_bytes,
        "sha256": sha256,
    }


def tensors(data: bytes, name: str) -> dict[str, Array]:
    """Returns the tensors of a file; a tensor of `BF16` as float32. Raises: DataCorrupt."""
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + size])
        found = {key: _tensor(data, 8 + size, said) for key, said in header.items() if key != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataCorrupt(f"{name} is damaged: {error}") from None
    return found


def _tensor(data: bytes, body: int, said: Mapping[str, Any]) -> Array:
    start, stop = said["data_offsets"]
    raw = data[body + start : body + stop]
    if said["dtype"] == "BF16":
        wide = np.frombuffer(raw, "<u2").astype("<u4") << 16
        return wide.view("<f4").reshape(said["shape"])
    return np.frombuffer(raw, _TYPES[said["dtype"]]).reshape(said["shape"])
