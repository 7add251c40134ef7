"""Reading: the blocks of batches, fetched with as few requests as their places allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ainimal_zookeeper.domain.errors import DataCorrupt, NotFound
from ainimal_zookeeper.domain.recordings import GROUPS, STEPS, TIMES

from . import blocks, channel
from .blocks import Block
from .channel import Channel
from .container import FRAMING
from .sources import Source

_GAP_BYTES = 1 << 16  # reading so much in vain costs less than another request
_MOST_BYTES = 32 << 20


class Batch(NamedTuple):
    """Steps that lie together in a segment. order: from 0."""

    order: int
    first_step: int
    last_step: int
    steps: int


class SegmentReader:
    """A segment of a manifest. Raises: DataCorrupt for an entry that is none."""

    def __init__(self, source: Source, entry: Mapping[str, Any], table: Sequence[Channel]) -> None:
        self._source = source
        try:
            self.name: str = entry["name"]
            self.number: int = entry["number"]
            self.timeline: int = entry["timeline"]
            self.channels = [table[position] for position in entry["channels"]]
            self.batches = [Batch(order, row[0], row[1], row[2]) for order, row in enumerate(entry["batches"])]
            self.events_at: Sequence[int] | None = entry["events"]
            self._places = self._located(entry["groups"])
            self._check()
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise DataCorrupt(f"the manifest does not say what is in {entry.get('name')}: {error!r}") from None

    def _located(self, groups: Mapping[str, Sequence[Sequence[int]]]) -> list[list[tuple[int, int] | None]]:
        """Returns where the block of each channel begins and ends, by batch."""
        found: list[list[tuple[int, int] | None]] = [[None] * len(self.channels) for _ in self.batches]
        for group in GROUPS:
            positions = [at for at, one in enumerate(self.channels) if one.group == group]
            for order, (start, *sizes) in enumerate(groups.get(group, ())):
                at = start
                for position, size in zip(positions, sizes, strict=True):
                    if size:
                        found[order][position] = at, at + size
                        at += size + FRAMING
        return found

    def _check(self) -> None:
        """Raises: ValueError for batches that do not say their steps, or blocks that nobody writes."""
        if self.batches and len(self.positions([STEPS, TIMES])) != 2:
            raise ValueError(f"no {STEPS} and {TIMES}, or more than one")
        events = () if self.events_at is None else ((self.events_at[0], sum(self.events_at)),)
        places = [place for found in self._places for place in found if place is not None]
        if any(stop - start > blocks.MOST_BYTES for start, stop in (*places, *events)):
            raise ValueError(f"a block of more than {blocks.MOST_BYTES:,} bytes")

    def positions(self, paths: Iterable[str]) -> list[int]:
        wanted = set(paths)
        return [position for position, one in enumerate(self.channels) if one.path in wanted]

    def read(self, batches: Sequence[Batch], positions: Sequence[int]) -> list[dict[int, Block]]:
        """Returns the blocks at `positions`, by batch; a channel that has no value in a batch is not there.

        Raises: DataCorrupt, which names the segment; Rejected, Transient.
        """
        wanted = [
            (batch, position, place)
            for batch in batches
            for position in positions
            if (place := self._places[batch.order][position]) is not None
        ]
        data = self._fetch([place for _, _, place in wanted])
        found: dict[int, dict[int, Block]] = {batch.order: {} for batch in batches}
        for batch, position, place in wanted:
            try:
                block = blocks.decode(data[place], self.channels[position], batch.steps)
            except DataCorrupt as error:
                raise type(error)(f"{self.described(batch)}: {error}") from None
            found[batch.order][position] = block
        return list(found.values())

    def events(self) -> list[bytes]:
        """Returns what happened, as JSON. Raises: as `read`."""
        if self.events_at is None:
            return []
        at, size = self.events_at
        data = self._fetch([(at, at + size)])[at, at + size]
        one = Channel("zoo.events", "json", (), "json")
        try:
            count = blocks.HEADER.unpack_from(data)[3] if len(data) >= blocks.HEADER.size else 0
            values = blocks.decode(data, one, count).values
        except DataCorrupt as error:
            raise type(error)(f"{self.described()}: {error}") from None
        return values if isinstance(values, list) else []

    def described(self, batch: Batch | None = None) -> str:
        """Says for people which steps are meant."""
        first = batch or (self.batches[0] if self.batches else None)
        last = batch or (self.batches[-1] if self.batches else None)
        if first is None or last is None:
            return f"{self.name}, of no step"
        return f"{self.name}, steps {first.first_step:,} to {last.last_step:,} of timeline {self.timeline}"

    def _fetch(self, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        found: dict[tuple[int, int], bytes] = {}
        for start, stop, within in _merged(places):
            try:
                data = self._source.part(self.name, start, stop)
            except NotFound as error:
                raise DataCorrupt(f"{self.described()}: its object is missing: {error}") from None
            if len(data) != stop - start:
                raise DataCorrupt(
                    f"{self.described()}: it is cut: of the bytes {start:,} to {stop:,}, {len(data):,} are there"
                )
            for begin, end in within:
                found[begin, end] = data[begin - start : end - start]
        return found


def _merged(places: Iterable[tuple[int, int]]) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Returns ranges to ask for, each with the places in it."""
    ranges: list[tuple[int, int, list[tuple[int, int]]]] = []
    for start, stop in sorted(set(places)):
        if ranges and start - ranges[-1][1] <= _GAP_BYTES and stop - ranges[-1][0] <= _MOST_BYTES:
            begin, _, within = ranges[-1]
            ranges[-1] = begin, stop, [*within, (start, stop)]
        else:
            ranges.append((start, stop, [(start, stop)]))
    return ranges


def channels_of(manifest: Mapping[str, Any]) -> list[Channel]:
    """Returns the table of channels of a manifest. Raises: DataCorrupt."""
    return [channel.read(document) for document in manifest["channels"]]
