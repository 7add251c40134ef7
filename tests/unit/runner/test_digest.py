"""Hashing beside what else is done with bytes."""

from __future__ import annotations

import hashlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zookeeper_runner.digest import Digest


@given(st.lists(st.binary(max_size=50), max_size=60))
def test_it_is_the_hash_of_all_pieces_in_order(pieces: list[bytes]) -> None:
    """However many they are; views are taken as they are."""
    with Digest() as digest:
        for piece in pieces:
            digest.update(memoryview(piece))
    assert digest.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_what_fails_leaves_no_thread() -> None:
    """An error of whoever reads or writes ends the hashing as well."""
    before = threading.active_count()

    def fail() -> None:
        with Digest() as digest:
            digest.update(b"some")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert threading.active_count() == before
