"""Cutting: only what was asked for is copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from zookeeper_runner.bell import Bell
from zookeeper_runner.cutting import WHOLE, Cut
from zookeeper_runner.live.watches import WatchRequest
from zookeeper_runner.signals import Captured, Signals, Unreadable

SQUARE = np.arange(100, dtype=np.float32).reshape(10, 10)


def test_crop_then_index_then_every_nth() -> None:
    """Start and stop per axis, one element or a part of it, and long axes thinned; each is a view."""
    assert Cut(crop=(2, 4, 5, 8)).of("inputs.x", SQUARE, None).shape == (2, 3)
    assert Cut(index=(1, 2)).of("inputs.x", SQUARE, None) == 12.0
    assert Cut(crop=(2, 4), index=(1,)).of("inputs.x", SQUARE, None)[0] == 30.0
    thinned = Cut(max_size=3).of("inputs.x", SQUARE, None)
    assert thinned.shape == (3, 3)
    assert np.shares_memory(thinned, SQUARE)
    assert WHOLE.of("inputs.x", SQUARE, None) is SQUARE
    assert Cut(crop=(0, 1)).of("inputs.x", "text", None) == "text"


@pytest.mark.parametrize("cut", [Cut(index=(10,)), Cut(crop=(0, 1, 0, 1, 0, 1)), Cut(index=(0, 0, 0))])
def test_what_does_not_fit_is_told_with_the_shape(cut: Cut) -> None:
    """The error names the path, and index or crop."""
    with pytest.raises(InvalidInput, match=r"(index|crop) .*inputs\.x"):
        cut.of("inputs.x", SQUARE, None)


def test_reductions_of_the_whole_are_not_thinned_before() -> None:
    """Statistics and pictures are made of all elements; `maxSize` thins only what travels as it is."""
    assert WatchRequest(1, "inputs.x", max_size=3).cut == Cut(max_size=3)
    assert WatchRequest(1, "inputs.x", max_size=3, reduce="STATISTICS").cut is WHOLE
    assert WatchRequest(1, "inputs.x", max_size=3, reduce="JPEG", crop=(0, 1)).cut == Cut(crop=(0, 1))


def served(*asked: tuple[str, Cut]) -> list[Any]:
    signals, results = Signals(Bell()), list[Any]()
    signals.consumers.append(results.extend)
    signals.moment.inputs, signals.moment.version = {"x": SQUARE}, 1
    for path, cut in asked:
        signals.request(path, -1, cut)
    signals.serve()
    return results


def test_each_part_of_a_signal_is_captured_by_itself() -> None:
    """Two who watch different parts of one signal get theirs, each copied alone."""
    small, whole = served(("inputs.x", Cut(index=(1,))), ("inputs.x", WHOLE))
    assert isinstance(small, Captured)
    assert small.cut == Cut(index=(1,))
    assert small.value.base is None
    assert small.value.tolist() == list(range(10, 20))
    assert whole.value.shape == (10, 10)


def test_a_part_that_does_not_fit_harms_no_other() -> None:
    """It comes back as unreadable, for that part alone."""
    wrong, whole = served(("inputs.x", Cut(index=(99,))), ("inputs.x", WHOLE))
    assert isinstance(wrong, Unreadable)
    assert (wrong.code, wrong.cut) == ("INVALID_INPUT", Cut(index=(99,)))
    assert isinstance(whole, Captured)


def test_a_picture_is_rendered_once_for_all_who_look() -> None:
    """Two parts of it are cut from one picture."""
    signals, results, rendered = Signals(Bell()), list[Any](), list[int]()

    def render() -> Any:
        rendered.append(1)
        return np.zeros((4, 4, 3), np.uint8)

    signals.render = render
    signals.consumers.append(results.extend)
    signals.moment.version = 1
    signals.request("env.frame", -1, Cut(max_size=2))
    signals.request("env.frame", -1)
    signals.serve()
    assert [result.value.shape for result in results] == [(2, 2, 3), (4, 4, 3)]
    assert len(rendered) == 1
