"""npz: a zip of arrays for `numpy.load`: of each signal `<path>`, `<path>/steps`, `<path>/timelines`, `<path>/times`.

Steps and timelines are int64, times int64 nanoseconds since the epoch; texts are arrays of text, and what is JSON is
text as well. `zoo.flags` says of each step whether it ended an episode (docs/recordings.md).
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ...domain.recordings import FLAGS
from .excerpt import Column, Excerpt


def write(excerpt: Excerpt, target: Path) -> None:
    """Writes the file. One signal at a time is held in memory."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        _add(archive, FLAGS, excerpt.flags)
        for channel in excerpt.channels:
            _add(archive, channel.path, excerpt.column(channel.path))
        told = [json.dumps(event) for event in excerpt.events]
        _put(archive, "zoo.events", np.array(told, dtype=np.str_))


def _add(archive: zipfile.ZipFile, path: str, column: Column) -> None:
    values = column.values
    if isinstance(values, list):
        values = np.array([each if isinstance(each, str) else json.dumps(each) for each in values], dtype=np.str_)
    _put(archive, path, np.asarray(values))
    _put(archive, f"{path}/steps", column.steps.astype(np.int64))
    _put(archive, f"{path}/timelines", column.timelines.astype(np.int64))
    _put(archive, f"{path}/times", column.times.astype(np.int64))


def _put(archive: zipfile.ZipFile, name: str, array: Any) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
        np.lib.format.write_array(entry, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
