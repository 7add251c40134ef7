"""Recordings: what a manifest says, so that those who read one need no other listing of its objects.

The format is described in docs/recordings.md. Whoever writes segments makes an entry of each, and the zoo puts the
entries together here, of sealed recordings and of those whose writer was lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ainimal_zookeeper.domain.entries import check_channel, check_entry
from ainimal_zookeeper.domain.errors import DataCorrupt

FORMAT = "zookeeper-recording"
VERSION = 1
MANIFEST = "manifest.json"

FLAGS = "zoo.flags"
"""The channel of a `uint8` for each step, of the bits below."""
TERMINATED, TRUNCATED, OVERRIDDEN, DRIVEN, FIRST = 1, 2, 4, 8, 16

PATCHES = "zoo.patches"
"""The channel of what rules put in place that take it from other recordings: {id of the rule: value}."""
EVENTS = "zoo.events"
STEPS, TIMES = "zoo.steps", "zoo.times"

GROUPS = ("scalar", "vector", "image")
"""How the channels of a segment lie together; texts and JSON are with the scalars."""


class NewerFormat(DataCorrupt):
    """It was written by a newer zoo than reads it."""


def group_of(kind: str) -> str:
    """Returns the group that channels of `kind` lie in."""
    return kind if kind in {"vector", "image"} else "scalar"


def manifest_of(entries: Iterable[Mapping[str, Any]], **said: Any) -> dict[str, Any]:
    """Returns the manifest of a recording, of the `index` of each object that arrived, in any order, even twice.

    `said`: whatever else is to be read there, such as `recordingId` and `phase`. A whole segment takes the place of its
    tails; `missing` lists the numbers of which nothing arrived.

    Raises: NewerFormat for an entry of a version that is not known here.
    """
    entries = list(entries)
    for entry in entries:
        check_version(entry, f"the entry of {entry.get('name')}")
    segments = _latest(entry for entry in entries if entry["kind"] == "segment")
    weights = {entry["name"]: dict(entry) for entry in entries if entry["kind"] == "weights"}
    table: list[Any] = []
    places: dict[str, int] = {}
    listed = [_with_positions(segment, table, places) for segment in segments]
    numbers = [segment["number"] for segment in segments]
    absent = set(range(min(numbers), max(numbers) + 1)).difference(numbers) if numbers else set[int]()
    full = [segment for segment in segments if segment["steps"]]
    return {
        **said,
        "format": FORMAT,
        "version": VERSION,
        "firstStep": full[0]["firstStep"] if full else None,
        "lastStep": full[-1]["lastStep"] if full else None,
        "firstTime": full[0]["firstTime"] if full else None,
        "lastTime": full[-1]["lastTime"] if full else None,
        "steps": sum(segment["steps"] for segment in segments),
        "sizeBytes": sum(entry["sizeBytes"] for entry in [*segments, *weights.values()]),
        "missing": sorted(absent),
        "channels": table,
        "segments": listed,
        "weights": sorted(weights.values(), key=lambda entry: (entry["timeline"], entry["step"])),
    }


def check_version(document: Mapping[str, Any], what: str) -> None:
    """Raises: NewerFormat for a version that is not known here, DataCorrupt where none is said."""
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise DataCorrupt(f"{what} does not say which version of the format it has")
    if version > VERSION:
        raise NewerFormat(
            f"{what} has version {version} of the format, and this zoo reads up to {VERSION}: read it with a newer one"
        )


def check_manifest(document: object, what: str) -> Mapping[str, Any]:
    """Returns `document` as the manifest that it is, whoever wrote it. Raises: NewerFormat, DataCorrupt."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DataCorrupt(f"{what} is no manifest of a recording: its `format` is not {FORMAT!r}")
    check_version(document, what)
    for name in ("channels", "segments", "weights"):
        if not isinstance(document.get(name), list):
            raise DataCorrupt(f"{what} has no list of {name}")
    for channel in document["channels"]:
        check_channel(channel)
    for entry in document["segments"]:
        check_entry(entry, len(document["channels"]))
    for entry in document["weights"]:
        check_entry(entry)
    missing = document.get("missing", [])
    if not isinstance(missing, list) or not all(type(number) is int for number in missing):
        raise DataCorrupt(f"{what} does not say which segments are missing")
    return document


def _latest(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns whole segments, and the tails of those that did not arrive, in order."""
    found = {(entry["number"], entry["tail"]): entry for entry in entries}
    whole = {number for number, tail in found if tail is None}
    kept = [key for key in found if key[1] is None or key[0] not in whole]
    return [found[key] for key in sorted(kept, key=lambda key: (key[0], -1 if key[1] is None else key[1]))]


def _with_positions(segment: Mapping[str, Any], table: list[Any], places: dict[str, int]) -> dict[str, Any]:
    """Returns `segment` with the positions of its channels in `table`, which gets those that it lacks.

    places: the position of each channel that is in the table, by what it says.
    """
    positions = []
    for channel in segment["channels"]:
        place = places.setdefault(json.dumps(channel), len(table))
        if place == len(table):
            table.append(channel)
        positions.append(place)
    return {**segment, "channels": positions}
