"""Entries: what is said of one object of a recording, by its writer and then by the manifest; trusted in nothing.

Whoever writes recordings runs code that nobody has read, and a manifest may come from anywhere: what passes here can be
computed with, and names no object but one that lies beside the manifest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from ainimal_zookeeper.domain.errors import DataCorrupt
from ainimal_zookeeper.domain.paths import is_path

MAX_CHANNELS = 10_010
"""Of a segment: the signals of a recording, and what it says of each step by itself."""

_NAME = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_\-.]{0,120}\Z")
_SHA256 = re.compile(r"([0-9a-f]{64})?\Z")
_LAST_MICROSECOND = 253_402_300_799_000_000  # of the year 9999
_LAST = 2**53  # beyond it JSON has no whole numbers
_MAX_AXES = 31
_MAX_ELEMENTS = 2**31  # of one value
_MAX_ROWS = 1 << 20  # of a batch
_GROUPS = frozenset({"scalar", "vector", "image"})


def is_name(name: object) -> bool:
    """Tells whether `name` can be that of an object: one part of a path, which leads nowhere else."""
    return isinstance(name, str) and _NAME.match(name) is not None


def check_entry(entry: object, table: int | None = None) -> Mapping[str, Any]:
    """Returns `entry` as the entry that it is, but for its version.

    table: how many channels the manifest has, to which the entry refers by position; None: it describes them itself.

    Raises: DataCorrupt.
    """
    if not isinstance(entry, dict):
        raise DataCorrupt(f"{entry!r:.100} is the entry of no object")
    name = entry.get("name")
    if not is_name(name):
        raise DataCorrupt(f"{name!r:.100} names no object of a recording")
    sha256 = entry.get("sha256")
    if not isinstance(sha256, str) or not _SHA256.match(sha256):
        raise DataCorrupt(f"the entry of {name} has no SHA-256, but {sha256!r:.100}")
    for key in ("sizeBytes", "timeline"):
        _whole(entry, key)
    if entry.get("kind") == "weights":
        _whole(entry, "step")
    elif entry.get("kind") == "segment":
        _check_segment(entry, table)
    else:
        raise DataCorrupt(f"the entry of {name} is of kind {entry.get('kind')!r:.100}, neither segment nor weights")
    return entry


def check_channel(channel: object) -> None:
    """Raises: DataCorrupt for what describes no channel."""
    if not isinstance(channel, dict) or not all(isinstance(channel.get(key), str) for key in ("path", "dtype", "kind")):
        raise DataCorrupt(f"{channel!r:.100} describes no channel")
    if not is_path(channel["path"]):  # exporters make names of files of it
        raise DataCorrupt(f"{channel['path']!r:.100} is no path of a signal")
    shape = channel.get("shape")
    if not _are_whole(shape) or len(shape) > _MAX_AXES or math.prod(max(1, length) for length in shape) > _MAX_ELEMENTS:
        raise DataCorrupt(f"the channel {channel['path']!r:.100} has the shape {shape!r:.100}")


def _check_segment(entry: Mapping[str, Any], table: int | None) -> None:
    name = entry["name"]
    _whole(entry, "number", 999_999)
    if entry.get("tail") is not None:
        _whole(entry, "tail", 999_998)
    if _whole(entry, "steps"):
        for first, last, most in (("firstStep", "lastStep", _LAST), ("firstTime", "lastTime", _LAST_MICROSECOND)):
            _whole(entry, first, most)
            _whole(entry, last, most)
    _check_channels(entry.get("channels"), name, table)
    batches, groups, events = entry.get("batches"), entry.get("groups"), entry.get("events")
    if not isinstance(batches, list) or not all(
        _are_whole(row, _LAST_MICROSECOND) and len(row) == 5 and row[2] <= _MAX_ROWS for row in batches
    ):
        raise DataCorrupt(f"the entry of {name} does not say which batches it has")
    if not isinstance(groups, dict) or not all(
        key in _GROUPS and isinstance(rows, list) and len(rows) == len(batches) and all(map(_are_whole, rows))
        for key, rows in groups.items()
    ):
        raise DataCorrupt(f"the entry of {name} does not say where its blocks are")
    if events is not None and not (_are_whole(events) and len(events) == 2):
        raise DataCorrupt(f"the entry of {name} does not say where its events are")


def _check_channels(channels: object, name: str, table: int | None) -> None:
    if not isinstance(channels, list) or len(channels) > MAX_CHANNELS:
        raise DataCorrupt(f"the entry of {name} does not say which channels it has, of at most {MAX_CHANNELS}")
    if table is None:
        for channel in channels:
            check_channel(channel)
        paths = [channel["path"] for channel in channels]
    else:
        paths = channels
        if not all(_is_whole(position, table - 1) for position in channels):
            raise DataCorrupt(f"the entry of {name} has channels that the manifest has not")
    if len(set(paths)) != len(paths):
        raise DataCorrupt(f"the entry of {name} has one channel twice")


def _whole(entry: Mapping[str, Any], key: str, most: int = _LAST) -> int:
    value = entry.get(key)
    if type(value) is not int or not 0 <= value <= most:
        raise DataCorrupt(f"the entry of {entry['name']} has {value!r:.100} as {key}, not a whole number up to {most}")
    return value


def _is_whole(value: object, most: int = _LAST) -> bool:
    return type(value) is int and 0 <= value <= most


def _are_whole(values: object, most: int = _LAST) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(each) is int and 0 <= each <= most for each in values)
