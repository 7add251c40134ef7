"""Elements of tensors: how their bytes become numbers, with the standard library alone."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Numbers = Sequence[float]


@dataclass(frozen=True, slots=True)
class Element:
    """`size` in bytes; None where they tell no size. A complex number is two numbers.

    `numbers` returns those in whole elements one after another; None: they are no numbers, or none that Python knows.
    """

    name: str
    size: int | None = None
    numbers: Callable[[bytes], Numbers] | None = None


def of_safetensors(dtype: str) -> Element:
    return _SAFETENSORS.get(dtype) or Element(dtype.lower())


def of_numpy(descr: str) -> Element:
    """Returns the element of a `descr` of NumPy such as `<f4`; texts, dates, objects and records are no numbers."""
    found = re.fullmatch(r"([<>|=]?)([biufc])(\d{1,2})", descr)
    kind = None if found is None else _KINDS.get((found[2], int(found[3])))
    if found is None or kind is None:
        return Element(descr)
    return _packed(*kind, order=">" if found[1] == ">" else "<")


def _packed(name: str, size: int, code: str, order: str = "<") -> Element:
    width = struct.calcsize(f"<{code}")

    def numbers(data: bytes) -> Numbers:
        return struct.unpack(f"{order}{len(data) // width}{code}", data)

    return Element(name, size, numbers)


def _widened(name: str, size: int, code: str) -> Element:
    """Returns the element that is the upper half of the number `code`."""

    def numbers(data: bytes) -> Numbers:
        wide = bytearray(2 * len(data))
        for place in range(size):
            wide[size + place :: 2 * size] = data[place::size]
        return struct.unpack(f"<{len(data) // size}{code}", wide)

    return Element(name, size, numbers)


def _small_float() -> Element:
    """Returns the 8-bit float of 4 bits of exponent and 3 of fraction, without infinities."""

    def value(bits: int) -> float:
        sign, exponent, fraction = -1.0 if bits & 0x80 else 1.0, bits >> 3 & 0xF, bits & 0x7
        if bits & 0x7F == 0x7F:
            return float("nan")
        return sign * (fraction * 2.0**-9 if exponent == 0 else (8 + fraction) * 2.0 ** (exponent - 10))

    table = [value(bits) for bits in range(256)]
    return Element("float8_e4m3fn", 1, lambda data: tuple(map(table.__getitem__, data)))


_KINDS: Final[Mapping[tuple[str, int], tuple[str, int, str]]] = {
    ("b", 1): ("bool", 1, "?"),
    ("i", 1): ("int8", 1, "b"),
    ("u", 1): ("uint8", 1, "B"),
    ("i", 2): ("int16", 2, "h"),
    ("u", 2): ("uint16", 2, "H"),
    ("i", 4): ("int32", 4, "i"),
    ("u", 4): ("uint32", 4, "I"),
    ("i", 8): ("int64", 8, "q"),
    ("u", 8): ("uint64", 8, "Q"),
    ("f", 2): ("float16", 2, "e"),
    ("f", 4): ("float32", 4, "f"),
    ("f", 8): ("float64", 8, "d"),
    ("c", 8): ("complex64", 8, "f"),
    ("c", 16): ("complex128", 16, "d"),
}

_SAFETENSORS: Final[Mapping[str, Element]] = {
    **{
        dtype: _packed(*_KINDS[kind])
        for dtype, kind in (
            ("BOOL", ("b", 1)),
            ("I8", ("i", 1)),
            ("U8", ("u", 1)),
            ("I16", ("i", 2)),
            ("U16", ("u", 2)),
            ("I32", ("i", 4)),
            ("U32", ("u", 4)),
            ("I64", ("i", 8)),
            ("U64", ("u", 8)),
            ("F16", ("f", 2)),
            ("F32", ("f", 4)),
            ("F64", ("f", 8)),
            ("C64", ("c", 8)),
        )
    },
    "BF16": _widened("bfloat16", 2, "f"),
    "F8_E5M2": _widened("float8_e5m2", 1, "e"),
    "F8_E4M3": _small_float(),
}
