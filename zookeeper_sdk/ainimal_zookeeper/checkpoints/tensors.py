"""What differs between the tensors of two checkpoints. Needs NumPy: the other modules here never import it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

_CHUNK = 1 << 20  # elements at a time, so that two copies in float64 fit anywhere


@dataclass(frozen=True, slots=True)
class TensorChange:
    """`kind`: "same", "changed" (values), "reshaped" (shape or dtype too), "added", "removed".

    `norm`: Euclidean, of after - before; `relative`: by the norm of before. Both are None where shapes differ or values
    are no numbers; `relative` also where before is all zero and after is not. They are infinite where a value became or
    was not finite; but a NaN that stayed one, and an infinity that stayed the same, did not change.
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
    before: Mapping[str, np.ndarray[Any, Any]], after: Mapping[str, np.ndarray[Any, Any]]
) -> list[TensorChange]:
    """Returns one change for each name in either, in the order of the names."""
    return [_change(name, before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys())]


def _change(name: str, before: np.ndarray[Any, Any] | None, after: np.ndarray[Any, Any] | None) -> TensorChange:
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
        norm, size = _norms(before, after)
        if norm == 0:
            relative = 0.0
        elif size > 0:
            relative = norm / size if math.isfinite(size) else math.inf
    if before.shape != after.shape or before.dtype != after.dtype:
        kind: Literal["same", "changed", "reshaped"] = "reshaped"
    elif norm == 0 or (not numbers and bool(np.array_equal(before, after))):
        kind = "same"
    else:
        kind = "changed"
    return TensorChange(name, kind, before.shape, after.shape, str(before.dtype), str(after.dtype), norm, relative)


def _is_number(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype.kind in "biufc"


def _norms(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Returns the norms of the change and of `before`."""
    change = size = 0.0
    for earlier, later in _chunks(before, after):
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
    before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]
) -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Yields the elements of both in equal runs, as float64 or complex128."""
    wide = np.complex128 if "c" in (before.dtype.kind, after.dtype.kind) else np.float64
    earlier, later = before.reshape(-1), after.reshape(-1)
    for start in range(0, earlier.size, _CHUNK):
        stop = start + _CHUNK
        yield earlier[start:stop].astype(wide), later[start:stop].astype(wide)
