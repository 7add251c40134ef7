"""Timelines: what an instance lived through before it went back, or started again, stays in its history."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from .requests import MAX_DOCUMENT_BYTES

KEPT = 7  # timelines beside the one that is told


def joined(known_json: str, told_json: str, told: Collection[int]) -> str:
    """Returns the series of `told_json`, which are of the timelines `told`, among those of others that are known.

    They come in the order of their timelines, the newest of them as far as they fit. Both are JSON lists as in
    `SeriesDoc`, written by runners; what is known and of no timeline is left out.
    """
    known: dict[int, list[Any]] = defaultdict(list)
    for series in json.loads(known_json):
        number = series.get("timeline") if isinstance(series, dict) else None
        if isinstance(number, int) and number not in told:
            known[number].append(series)
    texts, length = {max(told, default=0): told_json}, len(told_json)
    for number in sorted(known, reverse=True)[:KEPT]:
        text = json.dumps(known[number], separators=(",", ":"), ensure_ascii=False)
        length += len(text)
        if length > MAX_DOCUMENT_BYTES:
            break
        texts[number] = text
    return "[" + ",".join(text[1:-1] for _, text in sorted(texts.items()) if text != "[]") + "]"
