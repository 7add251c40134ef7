"""Foxglove: plain MCAP that Foxglove, Lichtblick and others show without knowing the zoo; written by foxglove-sdk.

Pictures of bytes become `foxglove.RawImage`; texts and what happened become `foxglove.Log`; all else is JSON of the
schema `zoo.Value` below, which plots read as `/<path>.value`, or `.value[3]`. JSON has no NaN and no infinity: they are
null there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import foxglove as sdk
import numpy as np
from foxglove.channels import LogChannel, RawImageChannel
from foxglove.messages import Log, LogLevel, RawImage, Timestamp

from .excerpt import Column, Excerpt, RecordedChannel, dtype_of

_SCHEMA = {
    "title": "zoo.Value",
    "type": "object",
    "properties": {
        "step": {"type": "integer"},
        "timeline": {"type": "integer"},
        "value": {"description": "a number, or lists of numbers as they are shaped"},
    },
}
_SECOND = 1_000_000_000
Say = Callable[[Any, int, int, int], None]  # value, step, timeline, nanoseconds since the epoch


def write(excerpt: Excerpt, target: Path) -> None:
    """Writes the file, messages in order of time within each window of steps."""
    context = sdk.Context()
    with sdk.open_mcap(target, context=context):
        said = {channel.path: _say(channel, context) for channel in excerpt.channels}
        for window in excerpt.windows():
            columns = {path: excerpt.column(path, window) for path in said}
            for path, row in _in_order(columns):
                column = columns[path]
                at = int(column.times[row])
                said[path](column.values[row], int(column.steps[row]), int(column.timelines[row]), at)
        happened = LogChannel("/zoo.events", context=context)
        for event in excerpt.events:
            at = int(event["time"]) * 1_000
            message = json.dumps(event.get("data", {}))
            entry = Log(timestamp=_stamp(at), level=LogLevel.Info, message=message, name=str(event["kind"]))
            happened.log(entry, log_time=at)


def _in_order(columns: dict[str, Column]) -> Iterator[tuple[str, int]]:
    rows = [(int(at), path, row) for path, column in columns.items() for row, at in enumerate(column.times)]
    for _, path, row in sorted(rows, key=lambda each: each[0]):
        yield path, row


def _say(channel: RecordedChannel, context: Any) -> Say:
    topic = f"/{channel.path}"
    encoding = _encoding(channel)
    if encoding is not None:
        pictures = RawImageChannel(topic, context=context)
        height, width = channel.shape[:2]
        depth = 1 if len(channel.shape) == 2 else channel.shape[2]

        def show(value: Any, _step: int, _timeline: int, at: int) -> None:
            data = np.ascontiguousarray(value).tobytes()
            stamp, line = _stamp(at), width * depth
            pictures.log(
                RawImage(timestamp=stamp, width=width, height=height, encoding=encoding, step=line, data=data),
                log_time=at,
            )

        return show
    if channel.kind == "text":
        lines = LogChannel(topic, context=context)

        def tell(value: Any, _step: int, _timeline: int, at: int) -> None:
            lines.log(
                Log(timestamp=_stamp(at), level=LogLevel.Info, message=str(value), name=channel.path), log_time=at
            )

        return tell
    values = sdk.Channel(topic, schema=_SCHEMA, context=context)

    def put(value: Any, step: int, timeline: int, at: int) -> None:
        plain = _plain(value.tolist() if hasattr(value, "tolist") else value)
        values.log({"step": step, "timeline": timeline, "value": plain}, log_time=at)

    return put


def _encoding(channel: RecordedChannel) -> str | None:
    """Returns what Foxglove calls pictures of this shape; None for what is no picture to it."""
    if channel.kind != "image" or dtype_of(channel) != np.uint8:
        return None
    depth = 1 if len(channel.shape) == 2 else channel.shape[2] if len(channel.shape) == 3 else 0
    return {1: "mono8", 3: "rgb8", 4: "rgba8"}.get(depth)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _stamp(at: int) -> Timestamp:
    return Timestamp(at // _SECOND, at % _SECOND)
