"""Values as JSON carries them: a number, nested lists, or {dtype, shape, data: base64}, read without numpy."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CODES = {
    "bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q",
    "uint64": "Q", "float16": "e", "float32": "f", "float64": "d",
}  # fmt: skip
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of a shape, in C order. dtype: as it was said, None where nothing was."""

    shape: tuple[int, ...]
    flat: list[float]  # integers stay exact: they are Python's
    dtype: str | None = None

    def spread(self, count: int) -> list[float]:
        """Returns `count` numbers: one for all is repeated."""
        return self.flat * count if len(self.flat) == 1 else self.flat


def numbers_of(value: Any) -> Numbers:
    """Returns the numbers of a JSON value, also "NaN", "Infinity" and "-Infinity".

    Raises: ValueError, whose message says what is wrong with it.
    """
    if isinstance(value, Mapping):
        return _tensor(value)
    flat: list[float] = []
    return Numbers(_walk(value, flat, 0), flat)


def _walk(value: Any, flat: list[float], depth: int) -> tuple[int, ...]:
    if isinstance(value, list):
        if depth >= _DEEPEST:
            raise ValueError(f"it is nested deeper than {_DEEPEST} lists")
        shapes = {_walk(part, flat, depth + 1) for part in value}
        if len(shapes) > 1:
            raise ValueError("its lists have different lengths")
        return (len(value), *next(iter(shapes), ()))
    if isinstance(value, str) and value in _NOT_FINITE:
        flat.append(_NOT_FINITE[value])
    elif isinstance(value, (bool, int, float)):
        try:
            float(value)
        except OverflowError:
            raise ValueError("it holds a number with too many digits") from None
        flat.append(value)
    else:
        raise ValueError(f"it holds {value!r:.40}, which is no number")
    return ()


def _tensor(value: Mapping[str, Any]) -> Numbers:
    missing = [name for name in ("dtype", "shape", "data") if name not in value]
    if missing:
        raise ValueError(f"a tensor needs dtype, shape and data, and has no {' and no '.join(missing)}")
    dtype, shape = value["dtype"], value["shape"]
    code = _CODES.get(dtype) if isinstance(dtype, str) else None
    if code is None:
        raise ValueError(f"its dtype is {dtype!r:.40}; it must be one of {', '.join(_CODES)}")
    if not isinstance(shape, list) or not all(type(length) is int and 0 <= length < 2**31 for length in shape):
        raise ValueError(f"its shape is {shape!r:.60}, which is no list of lengths")
    try:
        data = base64.b64decode(value["data"], validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError("its data is not base64") from None
    count = math.prod(shape)
    if len(data) != count * struct.calcsize(f"<{code}"):
        raise ValueError(f"its data has {len(data)} bytes, not those of {count} numbers of {dtype}")
    return Numbers(tuple(shape), list(struct.unpack(f"<{count}{code}", data)), dtype)
