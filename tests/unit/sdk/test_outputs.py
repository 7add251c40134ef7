"""Checks of what forward returned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.models.outputs import check_outputs, compile_check
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

DISCRETE = {"action": Modality.discrete("action", 3)}
VECTOR = {"action": Modality.vector("action", 2, -1, 1)}


@pytest.mark.parametrize("value", [0, 2, np.int64(1), np.int32(1), np.array(1), np.uint8(2)])
def test_a_right_choice_passes(value: Any) -> None:
    """Whatever integer type it has."""
    compile_check(DISCRETE)({"action": value})


@pytest.mark.parametrize(
    ("modalities", "outputs", "told"),
    [
        (DISCRETE, {"action": 3}, "output action: expected an integer from 0 to 2, got int64 3"),
        (DISCRETE, {"action": 1.0}, "got float64 1.0"),
        (DISCRETE, {"action": True}, "got bool True"),
        (DISCRETE, {"action": np.array([1])}, r"got int64\[1\]"),
        (DISCRETE, {"action": math.nan}, "got float64 nan"),
        (DISCRETE, {"act": 1}, "forward returned 'act', but not 'action'"),
        (DISCRETE, {}, "returned nothing, but not 'action'"),
        (DISCRETE, 1, "forward returned a int; it must return a dict with 'action'"),
        (DISCRETE, None, "returned a NoneType"),
        (VECTOR, {"action": np.array([0.0, math.nan])}, r"expected float32\[2\] from -1 to 1, got .* with 1 NaN"),
        (VECTOR, {"action": [0.0, math.nan]}, "1 NaN"),
        (VECTOR, {"action": np.zeros((2, 1))}, r"got float64\[2, 1\]"),
        (VECTOR, {"action": [[1], [1, 2]]}, "list"),
        (VECTOR, {"action": "left"}, "got text"),
        ({"s": Modality.scalar("s")}, {"s": math.nan}, "1 NaN"),
        ({"t": Modality.text("t")}, {"t": 3}, "expected text, got a int"),
        ({"a": Modality.scalar("a"), "b": Modality.scalar("b")}, {"a": 1.0, "b": np.float32("nan")}, "output b"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_told_by_both_checks(modalities: dict[str, Modality], outputs: Any, told: str) -> None:
    """The thorough and the cheap check say the same: which output, what was expected, what came."""
    with pytest.raises(AInimalFault, match=told):
        check_outputs(outputs, modalities)
    with pytest.raises(AInimalFault, match=told):
        compile_check(modalities)(outputs)


def test_continuous_values_out_of_bounds_are_the_worlds_affair() -> None:
    """Policies overshoot and worlds clip; infinity that cancels is no NaN."""
    check = compile_check(VECTOR)
    check({"action": np.array([5.0, -5.0])})
    check({"action": np.array([math.inf, -math.inf])})
    check({"action": [1, 2]})


@given(arrays.arrays(st.sampled_from([np.float32, np.float64]), arrays.array_shapes(max_dims=3, max_side=20)))
def test_nan_never_passes_and_nothing_else_is_stopped(array: np.ndarray[Any, Any]) -> None:
    """The cheap check finds NaN wherever it is, in arrays of any size, and infinity does not hide it."""
    check = compile_check({"x": Modality("x", ModalityKind.VECTOR, array.shape)})
    with np.errstate(all="ignore"):
        if np.isnan(array).any():
            with pytest.raises(AInimalFault, match="NaN"):
                check({"x": array})
        else:
            check({"x": array})


def test_batches_have_one_row_per_environment() -> None:
    """Vectorised AInimals answer for all environments at once."""
    check = compile_check({"a": Modality.discrete("a", 2), "v": Modality.vector("v", 3)}, batch=4)
    check({"a": np.zeros(4, int), "v": np.zeros((4, 3))})
    with pytest.raises(AInimalFault, match="for 4 environments"):
        check({"a": np.zeros(3, int), "v": np.zeros((4, 3))})
    with pytest.raises(AInimalFault, match="NaN"):
        check({"a": np.zeros(4, int), "v": np.full((4, 3), np.nan)})
    with pytest.raises(AInimalFault, match="from 0 to 2"):
        check({"a": np.array([0, 1, 2, 0]), "v": np.zeros((4, 3))})


def test_integers_and_pictures_are_checked_whole() -> None:
    """Every element of a choice counts; a picture needs its shape and type."""
    check = compile_check({"m": Modality("m", ModalityKind.MULTI_DISCRETE, (2,), "int64", 0, (1, 4))})
    check({"m": np.array([1, 4])})
    check({"m": [0, 0]})
    with pytest.raises(AInimalFault, match="from 0 to 5"):
        check({"m": np.array([0, 5])})
    picture = compile_check({"p": Modality.image("p", 8, 9)})
    picture({"p": np.zeros((8, 9, 3), np.uint8)})
    with pytest.raises(AInimalFault, match=r"got float64\[8, 9, 3\]"):
        picture({"p": np.zeros((8, 9, 3))})


def test_trees_and_no_outputs_pass() -> None:
    """What nobody described cannot be wrong."""
    compile_check({})({"anything": object()})
    compile_check({"x": Modality("x", ModalityKind.TREE)})({"x": object()})
