"""Copies of arrays in few large pieces of memory."""

from __future__ import annotations

import numpy as np
import pytest
from zookeeper_runner.state.room import Room


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "|b1", "<i2", "<c16"])
def test_a_copy_is_equal_and_apart(dtype: str) -> None:
    """Of any size, whatever lies beside it in the same piece, and however the array is laid out."""
    room, chance = Room(), np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(), (0, 7), (3,), (300, 301), (1_001, 201), (70, 10, 300)]
    arrays = [np.asarray(chance.integers(0, 2, shape)).astype(dtype) for shape in shapes]
    arrays += [arrays[3].T, arrays[4][::2, 1:], np.asfortranarray(arrays[5])]
    before = [array.copy() for array in arrays]
    copies = [room.copy(array) for array in arrays]
    for array in arrays:
        array[...] = array == 0
    for copied, was in zip(copies, before, strict=True):
        assert copied.flags.c_contiguous
        assert copied.flags.aligned
        assert copied.dtype == was.dtype
        np.testing.assert_array_equal(copied, was)


def test_what_is_larger_than_a_piece_has_its_own() -> None:
    """A copy may be of any size."""
    array = np.zeros((65 << 20,), np.uint8)
    array[-1] = 7
    assert Room().copy(array)[-1] == 7
