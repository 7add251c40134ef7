"""What differs between the tensors of two checkpoints, by the standard library alone: functions have no NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

from ainimal_zookeeper.domain.errors import DataCorrupt, LimitReached

from .elements import Element, Numbers

_AT_ONCE = 1 << 14  # elements: as tuples of numbers they stay in the processor's cache
_BYTES_AT_ONCE = 1 << 16
_MOST_REORDERED = 64 << 20

Kind = Literal["same", "changed", "reshaped", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that is read when it is compared, or a file that is looked at as bytes: then `shape` is None.

    `open` returns a new stream of its `size_bytes`, which is what `shape` and `element` say where both are known.
    `fortran`: the first index changes fastest, not the last.
    """

    element: Element
    shape: tuple[int, ...] | None
    size_bytes: int
    open: Callable[[], BinaryIO]
    fortran: bool = False


@dataclass(frozen=True, slots=True)
class TensorChange:
    """`kind`: "same", "changed" (values or dtype), "reshaped", "added", "removed".

    `norm`: Euclidean, of after - before; None where shapes differ or values are no numbers, infinite where a value
    became finite or stopped being it. A NaN that stays one, and an infinity that stays the same, does not change; a
    complex number is two numbers. `relative`: `norm` by the norm of before; None where that is zero or not finite,
    unless nothing changed.
    """

    name: str
    kind: Kind
    shape_before: tuple[int, ...] | None = None
    shape_after: tuple[int, ...] | None = None
    dtype_before: str | None = None
    dtype_after: str | None = None
    norm: float | None = None
    relative: float | None = None


def compare_tensors(
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    *,
    at_once: int = _AT_ONCE,
    go_on: Callable[[], None] = lambda: None,
) -> list[TensorChange]:
    """Returns one change for each name in either, in the order of the names.

    It holds `at_once` elements at a time, and calls `go_on`, which may raise, before each look at so many.

    Raises: DataCorrupt for a stream that ends before its tensor; LimitReached for a big tensor in another order.
    """
    names = [*before, *(name for name in after if name not in before)]  # as they lie in their files, not to and fro
    changes = [_change(name, before.get(name), after.get(name), at_once, go_on) for name in names]
    return sorted(changes, key=lambda change: change.name)


def _change(
    name: str, before: Tensor | None, after: Tensor | None, at_once: int, go_on: Callable[[], None]
) -> TensorChange:
    norm = relative = None
    if before is None or after is None:
        kind: Kind = "added" if before is None else "removed"
    elif before.shape != after.shape:
        kind = "reshaped"
    elif before.element.numbers is None or after.element.numbers is None:
        kind = "same" if before.element == after.element and _same(name, before, after, go_on) else "changed"
    else:
        norm, size = _norms(name, before, after, at_once, go_on)
        kind = "same" if norm == 0 and before.element.name == after.element.name else "changed"
        if norm == 0:
            relative = 0.0
        elif size > 0 and math.isfinite(size):
            relative = norm / size
    return TensorChange(
        name,
        kind,
        None if before is None else before.shape,
        None if after is None else after.shape,
        None if before is None else before.element.name,
        None if after is None else after.element.name,
        norm,
        relative,
    )


def _same(name: str, before: Tensor, after: Tensor, go_on: Callable[[], None]) -> bool:
    if before.size_bytes != after.size_bytes or before.fortran != after.fortran:
        return False
    with before.open() as earlier, after.open() as later:
        for start in range(0, before.size_bytes, _BYTES_AT_ONCE):
            go_on()
            size = min(_BYTES_AT_ONCE, before.size_bytes - start)
            if _read(earlier, size, name) != _read(later, size, name):
                return False
    return True


def _norms(name: str, before: Tensor, after: Tensor, at_once: int, go_on: Callable[[], None]) -> tuple[float, float]:
    """Returns the norms of the change and of `before`."""
    change = size = 0.0
    in_order = before.fortran == after.fortran
    for earlier, later in zip(
        _chunks(name, before, at_once, in_order=in_order), _chunks(name, after, at_once, in_order=in_order), strict=True
    ):
        go_on()
        change = math.hypot(change, _distance(earlier, later))
        size = math.hypot(size, math.hypot(*earlier))
    return change, size


def _distance(earlier: Numbers, later: Numbers) -> float:
    distance = math.dist(earlier, later)
    if math.isfinite(distance) and (distance or earlier == later):
        return distance
    # Something is not finite, or differs by less than a float of that size can tell.
    moved = [
        abs(after - before)
        for before, after in zip(earlier, later, strict=True)
        if before != after and not (math.isnan(before) and math.isnan(after))
    ]
    return math.inf if any(map(math.isnan, moved)) else math.hypot(*moved)


def _chunks(name: str, tensor: Tensor, at_once: int, *, in_order: bool) -> Iterator[Numbers]:
    """Yields the numbers of `at_once` elements at a time; `in_order`: as they lie, else with the last index fastest."""
    numbers, width = tensor.element.numbers, tensor.element.size
    if numbers is None or width is None:
        raise TypeError(f"{name} has no numbers")
    with tensor.open() as stream:
        if in_order or not tensor.fortran:
            for start in range(0, tensor.size_bytes, at_once * width):
                yield numbers(_read(stream, min(at_once * width, tensor.size_bytes - start), name))
            return
        if tensor.size_bytes > _MOST_REORDERED:
            raise LimitReached(
                f"the tensor {name} lies in another order than before, and only up to {_MOST_REORDERED:,} bytes are "
                f"compared so; it has {tensor.size_bytes:,}, save it with numpy.ascontiguousarray"
            )
        held = bytearray()
        for element in _last_index_fastest(_read(stream, tensor.size_bytes, name), tensor.shape or (), width):
            held += element
            if len(held) == at_once * width:
                yield numbers(bytes(held))
                held.clear()
        if held:
            yield numbers(bytes(held))


def _last_index_fastest(data: bytes, shape: tuple[int, ...], width: int) -> Iterator[bytes]:
    strides = [width * math.prod(shape[:axis]) for axis in range(len(shape))]

    def places(axis: int, start: int) -> Iterator[int]:
        if axis == len(shape):
            yield start
            return
        for index in range(shape[axis]):
            yield from places(axis + 1, start + index * strides[axis])

    for place in places(0, 0):
        yield data[place : place + width]


def _read(stream: BinaryIO, size: int, name: str) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise DataCorrupt(f"the tensor {name} ends after {len(data):,} of {size:,} bytes")
    return data
