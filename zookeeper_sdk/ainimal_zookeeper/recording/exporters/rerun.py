"""Rerun: a file for its viewer, with the timelines `step` (a sequence) and `time`; written by rerun-sdk.

Pictures of bytes become `Image`, numbers `Scalars` (a vector: one of each element), larger arrays `Tensor`, texts and
what happened `TextLog`. A dot of a path is a slash there. Steps of another timeline than the first are of the entity
`timeline_<n>/<path>`, so that a step number is one point.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rerun as sdk

from .excerpt import Column, Excerpt, RecordedChannel

_PLOTTED = 256  # elements of a vector, up to which it is drawn as curves


def write(excerpt: Excerpt, target: Path) -> None:
    """Writes the file, window by window."""
    stream = sdk.RecordingStream(
        "ainimal_zookeeper", recording_id=excerpt.manifest.get("recordingId"), send_properties=False
    )
    stream.save(target)
    first = int(excerpt.flags.timelines[0])
    for window in excerpt.windows():
        for channel in excerpt.channels:
            column = excerpt.column(channel.path, window)
            for timeline in np.unique(column.timelines):
                rows = np.flatnonzero(column.timelines == timeline)
                entity = channel.path.replace(".", "/")
                if timeline != first:
                    entity = f"timeline_{timeline}/{entity}"
                _send(stream, entity, channel, column, rows)
    for event in excerpt.events:
        _tell(stream, event)
    stream.flush()
    stream.disconnect()


def _send(stream: Any, entity: str, channel: RecordedChannel, column: Column, rows: Any) -> None:
    times = column.times[rows].astype("datetime64[ns]")
    indexes = [sdk.TimeColumn("step", sequence=column.steps[rows]), sdk.TimeColumn("time", timestamp=times)]
    if channel.kind in {"text", "json"}:
        texts = [each if isinstance(each, str) else json.dumps(each) for each in (column.values[row] for row in rows)]
        stream.send_columns(entity, indexes, sdk.TextLog.columns(text=texts))
        return
    values = np.asarray(column.values)[rows]
    if channel.kind == "image" and values.dtype == np.uint8 and _model_of(values) is not None:
        height, width = values.shape[1:3]
        shape = sdk.components.ImageFormat(
            width=width, height=height, color_model=_model_of(values), channel_datatype="U8"
        )
        flat = values.reshape(len(values), -1)
        stream.send_columns(entity, indexes, sdk.Image.columns(buffer=flat, format=[shape] * len(values)))
    elif values[0].size <= _PLOTTED and values.ndim <= 2:
        flat = values.reshape(len(values), -1).astype(np.float64)
        stream.send_columns(
            entity, indexes, sdk.Scalars.columns(scalars=flat.reshape(-1)).partition([flat.shape[1]] * len(flat))
        )
    else:
        for row, value in zip(rows, values, strict=True):
            stream.set_time("step", sequence=int(column.steps[row]))
            stream.set_time("time", timestamp=column.times[row].astype("datetime64[ns]"))
            stream.log(entity, sdk.Tensor(value))
        stream.reset_time()


def _model_of(values: Any) -> str | None:
    depth = 1 if values.ndim == 3 else values.shape[3] if values.ndim == 4 else 0
    return {1: "L", 3: "RGB", 4: "RGBA"}.get(depth)


def _tell(stream: Any, event: Any) -> None:
    stream.set_time("step", sequence=int(event["step"]))
    stream.set_time("time", timestamp=np.int64(event["time"]).astype("datetime64[us]"))
    stream.log("zoo/events", sdk.TextLog(f"{event['kind']}: {json.dumps(event.get('data', {}))}"))
    stream.reset_time()
