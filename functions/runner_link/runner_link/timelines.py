"""Timelines: what an instance lived through before it started again stays in its history."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from .requests import MAX_DOCUMENT_BYTES

KEPT = 7  # timelines before the current one


def joined(earlier_json: str, current_json: str, timeline: int) -> str:
    """Returns the series of `timeline` behind those of the ones before it: the newest of them, as far as they fit.

    Both are JSON lists as in `SeriesDoc`, written by runners; what is not of an earlier timeline is left out.
    """
    earlier: dict[int, list[Any]] = defaultdict(list)
    for series in json.loads(earlier_json):
        number = series.get("timeline") if isinstance(series, dict) else None
        if isinstance(number, int) and number < timeline:
            earlier[number].append(series)
    kept = current_json
    for number in sorted(earlier, reverse=True)[:KEPT]:
        text = json.dumps(earlier[number], separators=(",", ":"), ensure_ascii=False)
        if len(text) + len(kept) > MAX_DOCUMENT_BYTES:
            break
        kept = text if kept == "[]" else f"{text[:-1]},{kept[1:]}"
    return kept
