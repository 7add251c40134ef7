"""Segments: the files of a recording, and the entry of each from which the zoo composes the manifest."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ainimal_zookeeper.domain.errors import DataCorrupt
from ainimal_zookeeper.domain.recordings import EVENTS, GROUPS, VERSION, check_version

from . import blocks, channel, container
from .batch import CLOCK, Encoded
from .channel import Channel
from .container import Container, Message

LIBRARY = f"ainimal-zookeeper, recording {VERSION}"

_SCHEMA = "zookeeper.Block"
_SCHEMA_TEXT = "Values of one signal in consecutive steps; docs/recordings.md of AInimal Zookeeper describes them."
_EVENT_CHANNEL = Channel(EVENTS, "json", (), "json")


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of a recording, complete and closed; whoever it is handed to may remove it once it is elsewhere.

    number: from 0; of weights that of the segment that was open. tail: None for a whole segment and for weights, else
    which one of the tails of segment `number`; the whole segment replaces them. name: of the object. index: what
    `domain.recordings.manifest_of` needs of it, to be sent along.
    """

    number: int
    tail: int | None
    name: str
    path: Path
    size_bytes: int
    sha256: str
    index: dict[str, Any]


def name_of(number: int, tail: int | None) -> str:
    return f"{number:06d}.mcap" if tail is None else f"{number:06d}.{tail:03d}.mcap"


def save(folder: Path, name: str, pieces: Iterable[Any]) -> tuple[Path, int, str]:
    """Writes a file that is there whole or not at all. Returns it, its size and its SHA-256. Raises: OSError."""
    path, part = folder / name, folder / f"{name}.part"
    digest, size = hashlib.sha256(), 0
    try:
        with part.open("wb") as file:
            for piece in pieces:
                digest.update(piece)
                size += file.write(piece)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return path, size, digest.hexdigest()


def write(
    folder: Path,
    channels: Sequence[Channel],
    batches: Sequence[Encoded],
    events: Sequence[bytes],
    *,
    number: int,
    tail: int | None,
    timeline: int,
) -> Segment:
    """Writes batches and events as a segment. `events`: JSON of each. Raises: OSError."""
    every = (*CLOCK, *channels, _EVENT_CHANNEL)
    made = Container()
    said = {
        "version": str(VERSION),
        "timeline": str(timeline),
        "number": str(number),
        "tail": "" if tail is None else str(tail),
    }
    made.begin(LIBRARY, {**said, "check": _check(said, every)})
    made.schema(1, _SCHEMA, "zookeeper", _SCHEMA_TEXT)
    for position, one in enumerate(every):
        made.channel(position + 1, 1, one.path, "zookeeper", _described(one))
    groups = _Groups(made, every)
    if events:
        groups.events(events, batches)
    for order, batch in enumerate(batches):
        groups.add("scalar", order, batch)
    for order, batch in enumerate(batches):
        groups.add("vector", order, batch)
        groups.add("image", order, batch)
    made.end()
    name = name_of(number, tail)
    path, size, sha256 = save(folder, name, made.pieces)
    index = {
        **_entry(name, number, tail, timeline, every, batches, groups.places, groups.events_at),
        "sizeBytes": size,
        "sha256": sha256,
    }
    return Segment(number, tail, name, path, size, sha256, index)


class _Groups:
    """Puts blocks into chunks, and keeps where they are."""

    def __init__(self, made: Container, every: Sequence[Channel]) -> None:
        self._made = made
        self._positions = {
            group: [position for position, one in enumerate(every[:-1]) if one.group == group] for group in GROUPS
        }
        self._events = len(every)
        self.places: dict[str, list[list[int]]] = {group: [] for group, found in self._positions.items() if found}
        self.events_at: list[int] | None = None

    def events(self, events: Sequence[bytes], batches: Sequence[Encoded]) -> None:
        data = blocks.words(events, None)
        time_ns = batches[0].first_time * 1000 if batches else json.loads(events[0])["time"] * 1000
        at = self._made.chunk([Message(self._events, 0, time_ns, data)], time_ns)
        self.events_at = [at, len(data)]

    def add(self, group: str, order: int, batch: Encoded) -> None:
        positions = self._positions[group]
        if not positions:
            return
        found = [batch.blocks[position] for position in positions]
        messages = [
            Message(position + 1, order, batch.first_time * 1000, block)
            for position, block in zip(positions, found, strict=True)
            if block is not None
        ]
        at = self._made.chunk(messages, batch.last_time * 1000) if messages else 0
        self.places[group].append([at, *(0 if block is None else len(block) for block in found)])


def _entry(
    name: str,
    number: int,
    tail: int | None,
    timeline: int,
    every: Sequence[Channel],
    batches: Sequence[Encoded],
    places: dict[str, list[list[int]]],
    events_at: list[int] | None,
) -> dict[str, Any]:
    return {
        "kind": "segment",
        "version": VERSION,
        "name": name,
        "number": number,
        "tail": tail,
        "timeline": timeline,
        "firstStep": batches[0].first_step if batches else None,
        "lastStep": batches[-1].last_step if batches else None,
        "firstTime": batches[0].first_time if batches else None,
        "lastTime": batches[-1].last_time if batches else None,
        "steps": sum(batch.rows for batch in batches),
        "channels": [channel.written(one) for one in every[:-1]],
        "batches": [[one.first_step, one.last_step, one.rows, one.first_time, one.last_time] for one in batches],
        "groups": places,
        "events": events_at,
    }


def _check(said: Mapping[str, str], every: Iterable[Channel]) -> str:
    """Returns a CRC-32 of what a file says first, which nothing else in it guards."""
    document = [
        [said["version"], said["timeline"], said["number"], said["tail"]],
        [channel.written(one) for one in every],
    ]
    return str(zlib.crc32(json.dumps(document).encode()))


def _described(one: Channel) -> dict[str, str]:
    return {"dtype": one.dtype, "shape": json.dumps(list(one.shape)), "kind": one.kind}


def _undescribed(path: str, said: Mapping[str, str]) -> dict[str, Any]:
    return {"path": path, "dtype": said["dtype"], "shape": json.loads(said["shape"]), "kind": said["kind"]}


def index_of(path: Path) -> tuple[dict[str, Any], str | None]:
    """Returns the entry of a segment as its file has it, of whole batches only, and why there is no more of it.

    A file that was cut or altered gives what it holds up to there.

    Raises: DataCorrupt for a file that is no segment, NewerFormat.
    """
    data = path.read_bytes()
    try:
        found = container.contents(data)
    except DataCorrupt as error:
        raise DataCorrupt(f"{path.name} is no segment of a recording: {error}") from None
    said = found.said
    if said.get("version", "").isdecimal():
        check_version({"version": int(said["version"])}, path.name)
    try:
        every = [channel.read(_undescribed(*one)) for _, one in sorted(found.channels.items())]
        is_whole = said["check"] == _check(said, every) and every[-1].path == EVENTS
    except (KeyError, IndexError, ValueError, DataCorrupt):
        is_whole = False
    if not is_whole:
        raise DataCorrupt(f"{path.name} is damaged, or ends, where it says what it holds")
    batches, places = _whole_batches(found, every)
    events = next(([one.at, len(one.data)] for one in found.messages if one.channel == len(every)), None)
    tail = int(said["tail"]) if said["tail"] else None
    entry = _entry(path.name, int(said["number"]), tail, int(said["timeline"]), every, batches, places, events)
    return {**entry, "sizeBytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}, found.damage


def _whole_batches(
    found: container.Contents, every: Sequence[Channel]
) -> tuple[list[Encoded], dict[str, list[list[int]]]]:
    """Returns the batches whose blocks are all there, without them, and where the blocks are."""
    by_order: dict[int, dict[int, Message]] = {}
    for message in found.messages:
        if message.channel < len(every):
            by_order.setdefault(message.sequence, {})[message.channel - 1] = message
    groups = {group: [place for place, one in enumerate(every[:-1]) if one.group == group] for group in GROUPS}
    later = [group for group in GROUPS[1:] if groups[group]] or ["scalar"]  # written after all scalars, batch by batch
    end = max(
        (order for order, there in by_order.items() if any(set(groups[group]) & set(there) for group in later)),
        default=-1,
    )
    if found.damage and end >= 0 and not all(set(groups[group]) & set(by_order[end]) for group in later):
        end -= 1  # whether more of it was written nobody knows
    batches = list[Encoded]()
    places: dict[str, list[list[int]]] = {group: [] for group, found_there in groups.items() if found_there}
    for order in range(end + 1):
        there = by_order.get(order, {})
        if 0 not in there or 1 not in there:
            break
        try:
            steps, times = (_clock(there[place].data, CLOCK[place]) for place in (0, 1))
        except DataCorrupt:
            break
        batches.append(Encoded(steps[0], steps[-1], times[0], times[-1], len(steps), []))
        for group, rows in places.items():
            sizes = [len(there[place].data) if place in there else 0 for place in groups[group]]
            at = next((there[place].at for place in groups[group] if place in there), 0)
            rows.append([at, *sizes])
    return batches, places


def _clock(data: bytes, one: Channel) -> list[int]:
    if len(data) < blocks.HEADER.size:
        raise DataCorrupt("it ends within a block")
    count = blocks.HEADER.unpack_from(data)[3]
    values = blocks.decode(data, one, count).values
    if not len(values):
        raise DataCorrupt("a batch without a step")
    return values.tolist() if not isinstance(values, list) else []
