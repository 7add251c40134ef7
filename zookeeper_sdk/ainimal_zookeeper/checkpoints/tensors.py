"""What differs between the tensors of two checkpoints. Needs NumPy: the other modules here never import it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

_AT_ONCE = 1 << 20  # elements, so that copies in float64 fit anywhere


@dataclass(frozen=True, slots=True)
class TensorChange:
    """`kind`: "same", "changed" (values), "reshaped" (shape or dtype too), "added", "removed".

    `norm`: Euclidean, of after - before; None where shapes differ or values are no numbers, infinite where a value
    became finite or stopped being it. A NaN that stays one, and an infinity that stays the same, does not change.
    `relative`: `norm` by the norm of before; None where that is zero or not finite, unless nothing changed.
    """

    name: str
    kind: Literal["same", "changed", "reshaped", "added", "removed"]
    shape_before: tuple[int, ...] | None = None
    shape_after: tuple[int, ...] | None = None
    dtype_before: str | None = None
    dtype_after: str | None = None
    norm: float | None = None
    relative: float | None = None


def compare_tensors(
    before: Mapping[str, np.ndarray[Any, Any]], after: Mapping[str, np.ndarray[Any, Any]], *, at_once: int = _AT_ONCE
) -> list[TensorChange]:
    """Returns one change for each name in either, in the order of the names; looks at `at_once` elements at a time."""
    names = sorted(before.keys() | after.keys())
    return [_change(name, before.get(name), after.get(name), at_once) for name in names]


def _change(
    name: str, before: np.ndarray[Any, Any] | None, after: np.ndarray[Any, Any] | None, at_once: int
) -> TensorChange:
    if before is None or after is None:
        return TensorChange(
            name,
            "added" if before is None else "removed",
            None if before is None else before.shape,
            None if after is None else after.shape,
            None if before is None else str(before.dtype),
            None if after is None else str(after.dtype),
        )
    norm = relative = None
    numbers = _is_number(before) and _is_number(after)
    if before.shape == after.shape and numbers:
        norm, size = _norms(before, after, at_once)
        if norm == 0:
            relative = 0.0
        elif size > 0 and math.isfinite(size):
            relative = norm / size
    if before.shape != after.shape or before.dtype != after.dtype:
        kind: Literal["same", "changed", "reshaped"] = "reshaped"
    elif norm == 0 or (not numbers and bool(np.array_equal(before, after))):
        kind = "same"
    else:
        kind = "changed"
    return TensorChange(name, kind, before.shape, after.shape, str(before.dtype), str(after.dtype), norm, relative)


def _is_number(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype.kind in "biufc"


def _norms(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any], at_once: int) -> tuple[float, float]:
    """Returns the norms of the change and of `before`."""
    change = size = 0.0
    for earlier, later in _chunks(before, after, at_once):
        with np.errstate(invalid="ignore", over="ignore"):
            moved = np.abs(later - earlier)
        still = (earlier == later) | (np.isnan(earlier) & np.isnan(later))
        moved[still] = 0.0
        moved[np.isnan(moved)] = math.inf
        change = math.hypot(change, _norm(moved))
        size = math.hypot(size, _norm(np.abs(earlier)))
    return change, size


def _norm(absolute: np.ndarray[Any, Any]) -> float:
    """Returns the norm of values >= 0; they are scaled first, for squares that no float64 can hold."""
    largest = float(absolute.max(initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * float(np.linalg.norm(absolute / largest))


def _chunks(
    before: np.ndarray[Any, Any], after: np.ndarray[Any, Any], at_once: int
) -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Yields the elements of both in equal runs, as float64 or complex128."""
    wide = np.complex128 if "c" in (before.dtype.kind, after.dtype.kind) else np.float64
    earlier, later = before.reshape(-1), after.reshape(-1)
    for start in range(0, earlier.size, at_once):
        stop = start + at_once
        yield earlier[start:stop].astype(wide), later[start:stop].astype(wide)
