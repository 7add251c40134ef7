"""Parts of trees of values, as live values, recordings and replays name them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from ainimal_zookeeper.recording import Channel
from zookeeper_runner.parts import part, shares
from zookeeper_runner.replaying.comparison import Comparison
from zookeeper_runner.replaying.tape import Tape

TREE = {"camera": {"left": 1, "pair": (2, {"deep": 3})}, "camera.left": 4, "none": None}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("camera.left", 4),
        ("camera.pair.0", 2),
        ("camera.pair.1.deep", 3),
        ("camera.pair.2", None),
        ("camera.pair.x", None),
        ("none.more", None),
        ("absent", None),
    ],
)
def test_a_part_is_found_by_its_path(name: str, expected: Any) -> None:
    """A name with dots goes first, then mappings, lists and tuples lead on."""
    assert part(TREE, name) == expected


def test_a_replay_finds_what_was_recorded_of_a_list() -> None:
    """A part that is where it was is no difference."""
    recorded = {"inputs.pair.1": np.float32(2)}
    tape = SimpleNamespace(
        channels={"inputs.pair.1": Channel("inputs.pair.1", "float32", (), "scalar")},
        compared_from=None,
        value=lambda path, _step: recorded[path],
        flags=lambda _step: 0,
    )
    comparison = Comparison(cast(Tape, tape), frozenset(), None)
    comparison.take(1, {"pair": [np.float32(1), np.float32(2)]}, None, None, 0.0, (False, False))
    assert comparison.report == {"comparedSteps": 1, "identical": True, "first": None}


def test_trees_share_memory_where_one_of_their_arrays_does() -> None:
    """In whatever it lies, as long as it is in the same place."""
    array = np.zeros(3)
    assert shares({"a": (array, 1)}, {"a": (array[1:], 1)})
    assert shares([{"a": array}], [{"a": array}])
    assert not shares({"a": array}, {"b": array})
    assert not shares({"a": array}, {"a": array.copy()})
    assert not shares((array,), array)
