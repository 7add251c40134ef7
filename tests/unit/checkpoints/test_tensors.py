"""What differs between tensors."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.checkpoints.tensors import TensorChange, compare_tensors
from hypothesis import given
from hypothesis import strategies as st


def change(before: Any, after: Any) -> TensorChange:
    (found,) = compare_tensors({"w": np.asarray(before)}, {"w": np.asarray(after)})
    return found


def test_each_name_once_in_order() -> None:
    """What is in one only was added or removed; the rest is the same, changed, or of another shape or type."""
    ones = np.ones((2, 2), np.float32)
    before = {"same": ones, "moved": ones, "gone": ones, "shape": ones, "type": ones}
    after = {"same": ones.copy(), "moved": ones * 2, "new": ones[0], "shape": ones[0], "type": ones.astype(np.float64)}
    assert [(found.name, found.kind) for found in compare_tensors(before, after)] == [
        ("gone", "removed"),
        ("moved", "changed"),
        ("new", "added"),
        ("same", "same"),
        ("shape", "reshaped"),
        ("type", "reshaped"),
    ]
    by_name = {found.name: found for found in compare_tensors(before, after)}
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
    ],
)
def test_norms(before: Any, after: Any, norm: float, relative: float | None) -> None:
    """Of any type of number, the largest and the smallest too, and of what is none."""
    found = change(before, after)
    assert found.norm == pytest.approx(norm, rel=1e-12)
    assert found.relative == (None if relative is None else pytest.approx(relative, rel=1e-12))
    assert found.kind == ("same" if norm == 0 else "changed")


def test_what_are_no_numbers() -> None:
    """Texts and objects are the same or not."""
    assert change(["a", "b"], ["a", "b"]) == TensorChange("w", "same", (2,), (2,), "<U1", "<U1")
    assert change(["a", "b"], ["a", "c"]).kind == "changed"
    assert change(["a"], [1.0]).kind == "reshaped"


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
    st.integers(0, 2**32 - 1),
    st.integers(1, 7),
)
def test_norm_in_parts_is_the_norm(values: list[float], seed: int, at_once: int) -> None:
    """Tensors that are looked at in parts give what one look would."""
    before = np.array(values)
    after = before + np.random.default_rng(seed).normal(size=before.shape)
    (found,) = compare_tensors({"w": before}, {"w": after}, at_once=at_once)
    assert found.norm == pytest.approx(float(np.linalg.norm(after - before)), rel=1e-9)


def test_views_are_compared_as_they_are_seen() -> None:
    """Transposed and strided arrays, without being changed."""
    array = np.arange(12.0).reshape(3, 4)
    assert change(array.T, np.ascontiguousarray(array.T)).kind == "same"
    assert change(array[::2], array[::2] + 1).norm == pytest.approx(math.sqrt(8))
    assert array.sum() == 66


def test_functions_need_no_numpy() -> None:
    """The package is imported without it: only whoever compares tensors loads it."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, ainimal_zookeeper.checkpoints; print('numpy' in sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "False"
