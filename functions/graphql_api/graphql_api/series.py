"""The history of scalars, narrowed to what a chart asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ainimal_zookeeper.domain.lifecycle import timestamp

_NAMES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """`paths` None: all; `points`: at most so many buckets; steps are inclusive."""

    paths: Sequence[str] | None = None
    points: int | None = None
    from_step: float | None = None
    to_step: float | None = None


def narrowed(histories: Sequence[dict[str, Any]], narrowing: Narrowing) -> list[dict[str, Any]]:
    """Returns `Series` objects of what `stored.series` read.

    Neighbouring buckets become one by weighted mean, least minimum, largest maximum. Weights are the numbers of values
    in the buckets where the runner tells them (`counts`), else each bucket weighs the same: they are equally wide in
    steps.
    """
    return [
        _one(series, narrowing) for series in histories if narrowing.paths is None or series["path"] in narrowing.paths
    ]


def _one(series: dict[str, Any], narrowing: Narrowing) -> dict[str, Any]:
    low = -math.inf if narrowing.from_step is None else narrowing.from_step
    high = math.inf if narrowing.to_step is None else narrowing.to_step
    chosen = [index for index, step in enumerate(series["steps"]) if low <= step <= high]
    size = 1 if narrowing.points is None else max(1, math.ceil(len(chosen) / narrowing.points))
    groups = [chosen[start : start + size] for start in range(0, len(chosen), size)]
    counts = series.get("counts") or [1] * len(series["steps"])
    return {
        "path": series["path"],
        "timeline": series["timeline"],
        "steps": [float(series["steps"][group[-1]]) for group in groups],
        "times": [_time(series["times"][group[-1]]) for group in groups],
        "mean": [_mean([(series["mean"][index], counts[index]) for index in group]) for group in groups],
        "min": [_extreme(min, [series["min"][index] for index in group]) for group in groups],
        "max": [_extreme(max, [series["max"][index] for index in group]) for group in groups],
    }


def _time(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, timezone.utc))


def _number(value: Any) -> float:
    return _NAMES[value] if isinstance(value, str) else float(value)


def _mean(weighted: Sequence[tuple[Any, float]]) -> float | None:
    """One value that is not finite shows in the mean; absent ones do not count."""
    present = [(_number(value), weight) for value, weight in weighted if value is not None]
    if len(present) == 1:
        return present[0][0]
    total = sum(weight for _, weight in present)
    return sum(value * weight for value, weight in present) / total if total else None


def _extreme(pick: Any, values: Sequence[Any]) -> float | None:
    """The bound of those that are numbers; NaN only where nothing else is."""
    present = [_number(value) for value in values if value is not None]
    numbers = [value for value in present if not math.isnan(value)]
    if numbers:
        found: float = pick(numbers)
        return found
    return present[0] if present else None
