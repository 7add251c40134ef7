"""History keeps the whole past of a scalar in fixed memory."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zookeeper_runner.history import BUCKETS, PATHS, History, Series

STEPS = st.lists(st.tuples(st.integers(1, 5_000), st.integers(-1000, 1000)), min_size=1, max_size=400)


@given(STEPS)
def test_a_series_is_bounded_and_its_statistics_are_exact(gaps: list[tuple[int, int]]) -> None:
    """However long it runs, there are at most `capacity` buckets, and together they hold every value."""
    series = Series(capacity=8)
    step = 0
    values = []
    for gap, value in gaps:
        step += gap
        series.add(step, float(step), float(value))
        values.append(value)

    columns = series.columns()
    counts = series.counts()
    assert len(series) <= 8
    assert sum(counts) == len(values)
    assert columns["steps"] == sorted(set(columns["steps"]))
    assert columns["steps"][-1] == step
    assert min(columns["min"]) == min(values)
    assert max(columns["max"]) == max(values)
    total = sum(mean * count for mean, count in zip(columns["mean"], counts, strict=True))
    assert math.isclose(total, sum(values), abs_tol=1e-6)


@given(STEPS)
def test_each_bucket_holds_exactly_the_values_of_its_steps(gaps: list[tuple[int, int]]) -> None:
    """Mean, minimum and maximum of a bucket are those of the values between its step and the one before."""
    series = Series(capacity=4)
    step, lived = 0, []
    for gap, value in gaps:
        step += gap
        series.add(step, 0.0, float(value))
        lived.append((step, value))

    columns, before = series.columns(), 0
    for at, mean, low, high in zip(columns["steps"], columns["mean"], columns["min"], columns["max"], strict=True):
        inside = [value for when, value in lived if before < when <= at]
        assert low == min(inside)
        assert high == max(inside)
        assert math.isclose(mean, sum(inside) / len(inside), abs_tol=1e-9)
        before = at


def test_values_that_are_not_finite_become_text_and_do_not_hide_the_others() -> None:
    """JSON has no NaN; the bounds are those of the values that can be compared."""
    history = History(timeline=2)
    for step, value in enumerate([1.0, math.nan, 3.0]):
        history.add_many("metrics.loss", 5, float(step), 1, value, value, value)

    (series,) = history.to_document()
    json.dumps(series, allow_nan=False)

    assert (series["path"], series["timeline"]) == ("metrics.loss", 2)
    assert (series["mean"], series["min"], series["max"]) == (["NaN"], [1.0], [3.0])


def test_paths_are_bounded_too() -> None:
    """An AInimal that logs ever new names does not fill the memory."""
    history = History(0)
    for number in range(500):
        history.add(f"metrics.m{number}", 1, 0.0, 1.0)

    assert len(history.to_document()) == PATHS


def test_a_full_history_fits_into_a_report() -> None:
    """However many metrics there are and however long it runs: one that is refused would lose all that came with it."""
    history = History(1)
    for number in range(PATHS):
        for step in range(BUCKETS):
            history.add(
                f"metrics.some_loss_{number}", step * 1_000_003, 1.9e9 + step / 7, -math.pi * 10.0 ** -(step % 9)
            )

    assert len(json.dumps(history.to_document(), separators=(",", ":"))) < 900_000


def test_an_odd_capacity_is_refused() -> None:
    """Merging pairs needs an even number."""
    with pytest.raises(ValueError, match="even"):
        Series(7)


def test_a_timeline_that_ends_is_kept_until_it_is_taken() -> None:
    """Steps count anew on the next one, and nothing of either is in the other."""
    history = History(1)
    history.add("a", 100, 1.0, 0.5)
    history.begin(2)
    history.begin(3)
    history.add("a", 7, 2.0, 0.7)

    assert history.has_finished
    assert [(series["timeline"], series["steps"]) for series in history.take_finished()] == [(1, [100])]
    assert not history.has_finished
    assert history.take_finished() == []
    assert [(series["timeline"], series["steps"]) for series in history.to_document()] == [(3, [7])]
