"""Values of signals as they arrive, decoded when somebody looks at them. NumPy is used when it is installed."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, cast

from ainimal_zookeeper.domain.errors import InvalidInput

_FORMATS = {
    "bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I",
    "int64": "q", "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array as the zoo sends it: C order, little-endian, or a JPEG file when `encoding` is JPEG."""

    dtype: str
    shape: tuple[int, ...]
    encoding: str
    data: str = field(repr=False)
    """Base64."""

    @property
    def raw(self) -> bytes:
        """The elements, or the JPEG file."""
        return base64.b64decode(self.data)

    def numpy(self) -> Any:
        """Returns a `numpy.ndarray` of `dtype` and `shape`; JPEG is decoded to `uint8[H, W, 3]` or `uint8[H, W]`."""
        import numpy as np

        if self.encoding == "JPEG":
            import io

            from PIL import Image

            return np.asarray(Image.open(io.BytesIO(self.raw)))
        return np.frombuffer(self.raw, dtype=np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)

    def tolist(self) -> Any:
        """Returns nested lists (a number for shape ()), also without NumPy.

        Raises: InvalidInput for a JPEG or a dtype that plain Python cannot read.
        """
        if self.encoding == "JPEG" or self.dtype not in _FORMATS:
            raise InvalidInput(f"a {self.dtype} {self.encoding} tensor has no form as lists; use .raw or .numpy()")
        form = f"<{math.prod(self.shape)}{_FORMATS[self.dtype]}"
        return _nested(list(struct.unpack(form, self.raw)), self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        return array.astype(dtype) if dtype is not None else array.copy() if copy else array

    def _repr_jpeg_(self) -> bytes | None:
        return self.raw if self.encoding == "JPEG" else None


@dataclass(frozen=True, slots=True)
class Histogram:
    """`edges` has one element more than `counts`."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one signal."""

    path: str
    timeline: int
    step: int
    time: str
    """When it was, RFC 3339 in UTC."""
    overridden: bool
    """Whether a rule or a driver has changed it."""
    dropped: int
    """How many newer values replaced older ones before this one was sent."""
    content: float | str | Tensor | Histogram | Mapping[str, Any] | None

    @property
    def value(self) -> Any:
        """A float, text, statistics, a Histogram, or an array: `numpy.ndarray`, nested lists without NumPy."""
        if isinstance(self.content, Tensor):
            return self.content.numpy() if find_spec("numpy") else self.content.tolist()
        return self.content

    def __float__(self) -> float:
        if isinstance(self.content, float):
            return self.content
        raise TypeError(f"{self.path} is not a number but {type(self.content).__name__}")

    def _repr_jpeg_(self) -> bytes | None:
        return self.content._repr_jpeg_() if isinstance(self.content, Tensor) else None


def read_value(document: Mapping[str, Any]) -> Value:
    """Reads a `SignalValue` of the API."""
    return Value(
        path=document["path"],
        timeline=document["timeline"],
        step=int(document["step"]),
        time=document["time"],
        overridden=document["overridden"],
        dropped=document["dropped"],
        content=_content(document),
    )


def _content(document: Mapping[str, Any]) -> float | str | Tensor | Histogram | Mapping[str, Any] | None:
    if document["scalar"] is not None:
        return float(document["scalar"])
    if document["tensor"] is not None:
        tensor = document["tensor"]
        return Tensor(tensor["dtype"], tuple(tensor["shape"]), tensor["encoding"], tensor["data"])
    if document["text"] is not None:
        return cast(str, document["text"])
    if document["histogram"] is not None:
        histogram = document["histogram"]
        return Histogram(tuple(map(float, histogram["edges"])), tuple(map(float, histogram["counts"])))
    return cast("Mapping[str, Any] | None", document["statistics"])


def encode(value: Any, path: tuple[str, ...] = ("inputs",)) -> Any:
    """Returns `value` as `instanceInfer` takes it: arrays as {dtype, shape, data}, the rest as JSON.

    Raises: InvalidInput for a value without such a form; the error's path leads to it.
    """
    if isinstance(value, Mapping):
        return {str(key): encode(item, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item, (*path, str(index))) for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"{'.'.join(path)} is {value}; JSON has no such number, send it in an array", path)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "tobytes") and hasattr(value, "dtype") and value.dtype.name in _FORMATS:
        little = value.astype(value.dtype.newbyteorder("<"))
        data = base64.b64encode(little.tobytes()).decode()
        return {"dtype": value.dtype.name, "shape": list(value.shape), "data": data}
    raise InvalidInput(
        f"{'.'.join(path)} is a {type(value).__name__}; give numbers, text, lists, or arrays of {', '.join(_FORMATS)}",
        path,
    )


def decode(value: Any) -> Any:
    """Returns an output of `instanceInfer` with its arrays as `numpy.ndarray`, or nested lists without NumPy."""
    if isinstance(value, dict):
        if {"dtype", "shape", "data"} <= set(value):
            tensor = Tensor(value["dtype"], tuple(value["shape"]), value.get("encoding", "RAW"), value["data"])
            return tensor.numpy() if find_spec("numpy") else tensor.tolist()
        return {key: decode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decode(item) for item in value]
    return value


def _nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    size = len(flat) // max(shape[0], 1)
    return [_nested(flat[index * size : (index + 1) * size], shape[1:]) for index in range(shape[0])]
