"""Binary messages mean the same on both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from zookeeper_runner.live.frames import pack, pack_tree, unpack, unpack_tree

ARRAYS = hnp.arrays(
    hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes(sizes=(32, 64)),
    hnp.array_shapes(min_dims=1, min_side=0),
)
TREES = st.recursive(
    ARRAYS | st.text(max_size=5) | st.none() | st.booleans(),
    lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8) | st.none(), max_size=5)


@given(HEADERS, st.binary(max_size=64))
def test_what_is_packed_is_unpacked(header: dict[str, Any], payload: bytes) -> None:
    """Header and payload survive, and the payload starts at a multiple of 8."""
    message = pack(header, payload)

    got, rest = unpack(message)

    assert got == header
    assert bytes(rest) == payload
    assert (len(message) - len(payload)) % 8 == 0


@given(TREES)
def test_trees_survive(tree: Any) -> None:
    """Nested values of any dtype and byte order arrive with their structure, dtype and shape."""
    header, payload = unpack(pack_tree({"type": "action"}, tree))

    got = unpack_tree(header, payload)

    assert_same(got, tree)


@given(st.binary(max_size=40))
def test_garbage_is_refused(data: bytes) -> None:
    """No bytes break a reader but by InvalidInput."""
    try:
        header, payload = unpack(data)
        unpack_tree(header, payload)
    except InvalidInput:
        return


def test_a_header_that_is_cut_off_is_named() -> None:
    """The message says how much was expected."""
    with pytest.raises(InvalidInput, match="too short"):
        unpack(b"\xff\x00\x00\x00{}")


def assert_same(got: Any, wanted: Any) -> None:
    if isinstance(wanted, dict):
        assert got.keys() == wanted.keys()
        for name in wanted:
            assert_same(got[name], wanted[name])
    elif isinstance(wanted, list):
        assert len(got) == len(wanted)
        for left, right in zip(got, wanted, strict=True):
            assert_same(left, right)
    elif isinstance(wanted, np.ndarray):
        assert got.dtype == wanted.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, wanted)
    else:
        assert got == wanted
