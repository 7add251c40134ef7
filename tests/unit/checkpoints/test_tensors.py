"""What differs between tensors."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.checkpoints import elements
from ainimal_zookeeper.checkpoints.tensors import Tensor, TensorChange, compare_tensors
from ainimal_zookeeper.domain.errors import DataCorrupt, LimitReached
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

TYPES = ("?", "i1", "u1", "<i2", ">i2", "<u2", "<i4", ">u4", "<i8", ">i8", "<u8", "<f2", ">f2", "<f4", ">f4", "<f8")


def tensor(values: Any, *, fortran: bool = False) -> Tensor:
    """Returns an array as a file would hold it."""
    array = np.asarray(values)
    data = array.tobytes("F" if fortran else "C")
    return Tensor(elements.of_numpy(array.dtype.str), array.shape, len(data), lambda: io.BytesIO(data), fortran)


def raw(name: str, data: bytes) -> Tensor:
    """Returns a tensor of safetensors in one dimension."""
    element = elements.of_safetensors(name)
    assert element.size is not None
    return Tensor(element, (len(data) // element.size,), len(data), lambda: io.BytesIO(data))


def change(before: Any, after: Any, **options: Any) -> TensorChange:
    made = [each if isinstance(each, Tensor) else tensor(each) for each in (before, after)]
    (found,) = compare_tensors({"w": made[0]}, {"w": made[1]}, **options)
    return found


def norm_of_change(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> float:
    """Returns what NumPy makes of it."""
    wide = np.complex128 if "c" in (before.dtype.kind, after.dtype.kind) else np.float64
    earlier, later = before.astype(wide).ravel().view(np.float64), after.astype(wide).ravel().view(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        moved = np.abs(later - earlier)
    moved[(earlier == later) | (np.isnan(earlier) & np.isnan(later))] = 0.0
    moved[np.isnan(moved)] = np.inf
    largest = float(moved.max(initial=0.0))
    return largest if largest == 0 or math.isinf(largest) else largest * float(np.linalg.norm(moved / largest))


def test_each_name_once_in_order() -> None:
    """What is in one only was added or removed; the rest is the same, or changed in value, dtype or shape."""
    ones = np.ones((2, 2), np.float32)
    before = {"same": ones, "moved": ones, "gone": ones, "shape": ones, "type": ones}
    after = {"type": ones.astype(np.float64), "same": ones, "moved": ones * 2, "new": ones[0], "shape": ones[0]}
    found = compare_tensors(*({name: tensor(each) for name, each in side.items()} for side in (before, after)))
    assert [(each.name, each.kind) for each in found] == [
        ("gone", "removed"),
        ("moved", "changed"),
        ("new", "added"),
        ("same", "same"),
        ("shape", "reshaped"),
        ("type", "changed"),
    ]
    by_name = {each.name: each for each in found}
    assert by_name["moved"] == TensorChange(
        "moved", "changed", (2, 2), (2, 2), "float32", "float32", norm=2.0, relative=1.0
    )
    assert by_name["new"] == TensorChange("new", "added", None, (2,), None, "float32")
    assert by_name["gone"] == TensorChange("gone", "removed", (2, 2), None, "float32", None)
    assert (by_name["shape"].norm, by_name["shape"].relative) == (None, None)
    assert (by_name["type"].dtype_after, by_name["type"].norm, by_name["type"].relative) == ("float64", 0.0, 0.0)


@pytest.mark.parametrize(
    ("before", "after", "norm", "relative"),
    [
        ([3.0, 4.0], [3.0, 4.0], 0.0, 0.0),
        ([3.0, 4.0], [0.0, 0.0], 5.0, 1.0),
        ([0.0, 0.0], [3.0, 4.0], 5.0, None),
        (5.0, 6.0, 1.0, 0.2),
        ([], [], 0.0, 0.0),
        ([True, False], [False, False], 1.0, 1.0),
        (np.array([2**63], np.uint64), np.array([0], np.uint64), 2.0**63, 1.0),
        (np.array([0], np.uint8), np.array([255], np.uint8), 255.0, None),
        ([1 + 0j], [0 + 1j], math.sqrt(2), math.sqrt(2)),
        ([math.nan, 1.0], [math.nan, 1.0], 0.0, 0.0),
        ([math.inf, -math.inf], [math.inf, -math.inf], 0.0, 0.0),
        ([math.nan, 1.0], [0.0, 1.0], math.inf, None),
        ([0.0], [math.nan], math.inf, None),
        ([1.0], [math.inf], math.inf, math.inf),
        ([math.inf], [-math.inf], math.inf, None),
        ([math.inf, 1.0], [math.inf, 2.0], 1.0, None),
        ([1e300, 1e300], [-1e300, -1e300], 2e300 * math.sqrt(2), 2.0),
        ([1e-300], [3e-300], 2e-300, 2.0),
        (np.array([1, 2], np.float16), np.array([1, 4], np.float16), 2.0, 2 / math.sqrt(5)),
        (np.array([2**63], np.uint64), np.array([2**63 - 1], np.uint64), 1.0, 2.0**-63),
        (np.array([-(2**63)]), np.array([2**63 - 1]), 2.0**64, 2.0),
        ([complex(math.nan, 1)], [complex(math.nan, 3)], 2.0, None),
        ([-0.0], [0.0], 0.0, 0.0),
    ],
)
def test_norms(before: Any, after: Any, norm: float, relative: float | None) -> None:
    """Of any type of number, the largest and the smallest too, and of what is none."""
    found = change(before, after)
    assert found.norm == pytest.approx(norm, rel=1e-12)
    assert found.relative == (None if relative is None else pytest.approx(relative, rel=1e-12))
    assert found.kind == ("same" if norm == 0 else "changed")


def test_what_are_no_numbers() -> None:
    """Texts, dates, records, long floats and files are the same, byte for byte, or not."""
    assert change(["a", "b"], ["a", "b"]) == TensorChange("w", "same", (2,), (2,), "<U1", "<U1")
    assert change(["a", "b"], ["a", "c"]) == TensorChange("w", "changed", (2,), (2,), "<U1", "<U1")
    assert change(["a"], [1.0]).kind == "changed"
    assert change(np.array([1], "M8[s]"), np.array([2], "M8[s]")).kind == "changed"
    assert change(np.ones(1, np.longdouble), np.ones(1, np.longdouble)).kind == "same"
    texts = np.array([["a", "b"], ["c", "d"]])
    assert change(tensor(texts), tensor(texts, fortran=True)).kind == "changed"
    file = Tensor(elements.Element("bytes"), None, 3, lambda: io.BytesIO(b"one"))
    other = Tensor(elements.Element("bytes"), None, 3, lambda: io.BytesIO(b"two"))
    longer = Tensor(elements.Element("bytes"), None, 4, lambda: io.BytesIO(b"four"))
    assert change(file, file) == TensorChange("w", "same", None, None, "bytes", "bytes")
    assert change(file, other) == TensorChange("w", "changed", None, None, "bytes", "bytes")
    assert change(file, longer).kind == "changed"
    assert change(file, [1.0]).kind == "reshaped"


@pytest.mark.parametrize("at_once", [1, 2, 3, 7])
def test_what_is_looked_at_in_parts_counts_in_full(at_once: int) -> None:
    """However many parts, their changes and sizes come together as if they were one."""
    found = change([3.0, 0.0, 0.0, 4.0], [0.0, 6.0, 0.0, 2.0], at_once=at_once)
    assert found.norm == pytest.approx(7.0)
    assert found.relative == pytest.approx(7.0 / 5.0)


@given(st.data(), st.sampled_from(TYPES), st.sampled_from(TYPES), st.integers(1, 9))
def test_any_numbers_change_as_numpy_says(data: st.DataObject, one: str, other: str, at_once: int) -> None:
    """Of all types, in all shapes, in either order of bytes and of axes, looked at in parts; NaN and infinities too."""
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    before = data.draw(arrays.arrays(np.dtype(one), shape))
    after = data.draw(arrays.arrays(np.dtype(other), shape) | (st.just(before) if one == other else st.nothing()))
    orders = data.draw(st.tuples(st.booleans(), st.booleans()))
    found = change(tensor(before, fortran=orders[0]), tensor(after, fortran=orders[1]), at_once=at_once)
    expected = norm_of_change(before, after)
    assert found.norm is not None
    if before.dtype.kind in "iu" and before.dtype.itemsize == 8:  # a float64 tells no difference between some
        assert found.norm == pytest.approx(expected, rel=1e-9, abs=4096)
    else:
        assert found.norm == pytest.approx(expected, rel=1e-9)
    assert (found.kind == "same") == (found.norm == 0 and before.dtype.name == after.dtype.name)
    if before.dtype == after.dtype and before.tobytes() == after.tobytes():
        assert found.kind == "same"


@given(st.lists(st.floats(width=32), max_size=20), st.lists(st.floats(width=32), max_size=20))
@example([1.0], [math.nan])
def test_brain_floats_are_the_upper_halves_of_floats(before: list[float], after: list[float]) -> None:
    """Their norm is that of the floats that they stand for."""
    size = min(len(before), len(after))
    sides = [np.array(side[:size], "<f4").view("<u4") & 0xFFFF0000 for side in (before, after)]
    short = [raw("BF16", (side >> 16).astype("<u2").tobytes()) for side in sides]
    expected = norm_of_change(*(side.view("<f4") for side in sides))
    assert change(*short).norm == pytest.approx(expected, rel=1e-9)


def test_floats_of_eight_bits() -> None:
    """Both kinds, from the smallest to the largest."""
    four = np.frombuffer(np.array(elements.of_safetensors("F8_E4M3").numbers(bytes(range(128)))).tobytes())  # type: ignore[misc]
    assert list(four[[0, 1, 7, 8, 56, 126]]) == [0.0, 2.0**-9, 7 * 2.0**-9, 2.0**-6, 1.0, 448.0]
    assert math.isnan(four[127])
    assert np.all(np.diff(four[:127]) > 0)
    assert elements.of_safetensors("F8_E4M3").numbers(b"\xfe") == (-448.0,)  # type: ignore[misc]
    assert elements.of_safetensors("F8_E5M2").numbers(b"\x01\x3c\x7b\xfc") == (2.0**-16, 1.0, 57344.0, -math.inf)  # type: ignore[misc]
    unknown = elements.of_safetensors("F4")
    assert (unknown.name, unknown.size, unknown.numbers) == ("f4", None, None)


def test_a_stream_that_ends_early_is_corrupt() -> None:
    """It is named."""
    cut = Tensor(elements.of_numpy("<f4"), (3,), 12, lambda: io.BytesIO(b"12345678"))
    with pytest.raises(DataCorrupt, match="the tensor w ends after 8 of 12 bytes"):
        change(cut, np.zeros(3, np.float32))


def test_big_tensors_in_another_order_are_not_turned() -> None:
    """The message says what to do; in the same order they are compared."""
    huge = Tensor(elements.of_numpy("|u1"), (2**16, 2**11), 2**27, lambda: io.BytesIO(b""), fortran=True)
    with pytest.raises(LimitReached, match=r"numpy\.ascontiguousarray"):
        change(huge, Tensor(huge.element, huge.shape, huge.size_bytes, lambda: io.BytesIO(bytes(2**27))))


def test_somebody_may_end_it() -> None:
    """It is asked before each look, at numbers and at bytes."""

    def stop() -> None:
        raise TimeoutError

    for before, after in (([1.0], [2.0]), (["a"], ["b"])):
        with pytest.raises(TimeoutError):
            change(before, after, go_on=stop)


def test_functions_need_no_numpy() -> None:
    """Nothing here imports it."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from ainimal_zookeeper.checkpoints import contents; print('numpy' in sys.modules)",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "False"
