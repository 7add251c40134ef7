"""Recording: what was recorded, read by signal and step."""

from __future__ import annotations

import bisect
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput, NotFound
from ainimal_zookeeper.domain.recordings import EVENTS, MANIFEST, STEPS, TIMES, NewerFormat, check_manifest, manifest_of

from . import weights
from .blocks import Block
from .channel import Channel
from .reading import Batch, SegmentReader, channels_of
from .segment import index_of
from .sources import Folder, Source, source_of

_KEPT_BATCHES = 4
_AT_ONCE = 256  # batches: what is read of a signal in one go


class Series(NamedTuple):
    """A signal over steps, in the order in which they were taken. times: microseconds since 1970, UTC.

    values: `[steps, *shape]`; of texts and JSON a list. A step at which the signal was absent is not in it.
    """

    steps: npt.NDArray[np.int64]
    timelines: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]
    values: Any


class Recording:
    """A recording that is only read. For one thread.

    manifest: as docs/recordings.md has it. signals: what may be read, in no order. damage: what a folder without a
    manifest holds and cannot be read whole, by file.
    """

    def __init__(self, source: Source, manifest: Mapping[str, Any], damage: Mapping[str, str] | None = None) -> None:
        self._source = source
        self.manifest = manifest
        self.damage = dict(damage or {})
        self.signals: tuple[Channel, ...] = tuple(channels_of(manifest))
        self._segments = [SegmentReader(source, entry, self.signals) for entry in manifest["segments"]]
        self._kept: OrderedDict[tuple[int, int], dict[int, Block]] = OrderedDict()

    @classmethod
    def open(cls, place: Source | Path | str) -> Recording:
        """Returns the recording at a folder, or in a source, by its manifest; a folder needs none.

        Raises: NotFound where there is none, NewerFormat, DataCorrupt; Rejected, Transient of a source.
        """
        source = source_of(place)
        try:
            data = source.whole(MANIFEST)
        except NotFound:
            if not isinstance(source, Folder) or not source.path.is_dir():
                raise
            return cls(source, *_found_in(source.path))
        try:
            document = json.loads(data)
        except ValueError as error:
            raise DataCorrupt(f"{MANIFEST} is no JSON: {error}") from None
        return cls(source, check_manifest(document, MANIFEST))

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened, in order: `step`, `timeline`, `time`, `kind`, `data`.

        Raises: DataCorrupt; Rejected, Transient.
        """
        return [
            {"timeline": segment.timeline, **json.loads(text)}
            for segment in self._segments
            for text in segment.events()
        ]

    def read(
        self,
        path: str,
        from_step: int | None = None,
        to_step: int | None = None,
        *,
        timeline: int | None = None,
        skip_damaged: bool = False,
    ) -> Series:
        """Returns a signal from one step to another, both inclusive, of every timeline unless one is named.

        skip_damaged: steps that cannot be read are left out.

        Raises: NotFound for a signal that is not recorded; DataCorrupt where steps in between are damaged or missing;
        Rejected, Transient.
        """
        signal = self._signal(path)
        span = (0 if from_step is None else from_step, 2**63 - 1 if to_step is None else to_step)
        if not skip_damaged:
            self._check_missing(span, timeline)
        found: list[Series] = []
        for segment in self._segments:
            if timeline in {None, segment.timeline} and segment.positions([path]):
                wanted = [one for one in segment.batches if one.last_step >= span[0] and one.first_step <= span[1]]
                for start in range(0, len(wanted), _AT_ONCE):
                    found.extend(
                        _read(segment, path, wanted[start : start + _AT_ONCE], span, skip_damaged=skip_damaged)
                    )
        return _joined(signal, found)

    def at(self, step: int, timeline: int | None = None) -> dict[str, Any]:
        """Returns the value of every signal at a step, of the newest timeline that has it unless one is named.

        Raises: NotFound for a step that is not recorded, naming the nearest; DataCorrupt; Rejected, Transient.
        """
        for segment, batch in self._batches_with(step, timeline):
            blocks = self._batch(segment, batch)
            row = int(np.searchsorted(_numbers(blocks, segment, STEPS), step))
            if _numbers(blocks, segment, STEPS)[row] == step:
                return dict(_row(segment, blocks, row))
        self._check_missing((step, step), timeline)
        raise NotFound(f"step {step:,} is not recorded{self._nearest(step, timeline)}")

    def weights(self, step: int, timeline: int | None = None) -> dict[str, npt.NDArray[Any]]:
        """Returns the newest tensors of a step or before, of the newest timeline that has some unless one is named.

        Raises: NotFound where there are none; DataCorrupt; Rejected, Transient.
        """
        entries = [
            one for one in self.manifest["weights"] if one["step"] <= step and timeline in {None, one["timeline"]}
        ]
        if not entries:
            raise NotFound(f"no weights were recorded up to step {step:,}")
        entry = max(entries, key=lambda one: (one["timeline"], one["step"]))
        try:
            data = self._source.whole(entry["name"])
        except NotFound as error:
            raise DataCorrupt(f"{entry['name']} is missing: {error}") from None
        if len(data) != entry["sizeBytes"]:
            raise DataCorrupt(f"{entry['name']} has {len(data):,} bytes, and had {entry['sizeBytes']:,}")
        return weights.tensors(data, entry["name"])

    def close(self) -> None:
        self._source.close()

    def _signal(self, path: str) -> Channel:
        found = next((signal for signal in self.signals if signal.path == path), None)
        if found is not None:
            return found
        if path == EVENTS:
            raise InvalidInput(f"{EVENTS} is no signal: see the recording's `events`")
        near = get_close_matches(path, [signal.path for signal in self.signals], 3, 0.4)
        raise NotFound(f"{path} is not recorded{'; near it are ' + ', '.join(near) if near else ''}")

    def _batches_with(self, step: int, timeline: int | None) -> Iterator[tuple[SegmentReader, Batch]]:
        """Yields those that may hold a step, the newest timeline first."""
        found = [
            (segment, batch)
            for segment in self._segments
            if timeline in {None, segment.timeline}
            for batch in segment.batches
            if batch.first_step <= step <= batch.last_step
        ]
        yield from sorted(found, key=lambda one: -one[0].timeline)

    def _batch(self, segment: SegmentReader, batch: Batch) -> dict[int, Block]:
        key = self._segments.index(segment), batch.order
        if key not in self._kept:
            (self._kept[key],) = segment.read([batch], range(len(segment.channels)))
            if len(self._kept) > _KEPT_BATCHES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _check_missing(self, span: tuple[int, int], timeline: int | None) -> None:
        """Raises: DataCorrupt where a segment that never arrived may have held steps of `span`."""
        full = [segment for segment in self._segments if segment.batches]
        numbers = [segment.number for segment in full]
        for number in self.manifest.get("missing", ()):
            after = bisect.bisect(numbers, number)
            before, behind = full[:after][-1:], full[after:][:1]
            if timeline is not None and timeline not in {one.timeline for one in (*before, *behind)}:
                continue
            first = before[0].batches[-1].last_step + 1 if before else 0
            last = behind[0].batches[0].first_step - 1 if behind else span[1]
            if before and behind and before[0].timeline != behind[0].timeline:
                last = max(last, first)
            if first <= span[1] and last >= span[0]:
                raise DataCorrupt(
                    f"segment {number} of the recording is missing, and with it about steps {first:,} to {last:,}; "
                    "what lies before and after can be read"
                )

    def _nearest(self, step: int, timeline: int | None) -> str:
        batches = [one for segment in self._segments if timeline in {None, segment.timeline} for one in segment.batches]
        ends = sorted(
            {end for one in batches for end in (one.first_step, one.last_step)}, key=lambda end: abs(end - step)
        )
        return f"; a step near it that is: {ends[0]:,}" if ends else ""


def _found_in(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns a manifest of what a folder holds, and what of that is damaged. Raises: NotFound, NewerFormat."""
    entries, damage = list[dict[str, Any]](), dict[str, str]()
    for path in sorted(folder.glob("*.mcap")):
        try:
            entry, problem = index_of(path)
        except NewerFormat:
            raise
        except DataCorrupt as error:
            damage[path.name] = str(error)
            continue
        entries.append(entry)
        if problem is not None:
            damage[path.name] = problem
    for path in sorted(folder.glob("weights-*-*.safetensors")):
        _, timeline, step = path.stem.split("-")
        if timeline.isdecimal() and step.isdecimal():
            entries.append(weights.entry(path.name, int(timeline), int(step), path.stat().st_size, ""))
    if not entries:
        raise NotFound(f"there is no recording in {folder}" + "".join(f"; {text}" for text in damage.values()))
    return manifest_of(entries), damage


def _read(
    segment: SegmentReader, path: str, batches: Sequence[Batch], span: tuple[int, int], *, skip_damaged: bool
) -> Iterator[Series]:
    if not batches:
        return
    positions = segment.positions([STEPS, TIMES, path])
    try:
        blocks = segment.read(batches, positions)
    except DataCorrupt:
        if not skip_damaged:
            raise
        if len(batches) > 1:
            for batch in batches:
                yield from _read(segment, path, [batch], span, skip_damaged=True)
        return
    (position,) = segment.positions([path])
    for found in blocks:
        block = found.get(position)
        if block is None:
            continue
        steps, times = _numbers(found, segment, STEPS), _numbers(found, segment, TIMES)
        values: Any = block.values
        wanted = (steps >= span[0]) & (steps <= span[1])
        if block.present is not None:
            kept = wanted[block.present]
            wanted &= block.present
        else:
            kept = wanted
        if not kept.all():
            values = (
                [one for one, keep in zip(values, kept, strict=True) if keep]
                if isinstance(values, list)
                else values[kept]
            )
        timelines = np.full(int(np.count_nonzero(wanted)), segment.timeline, np.int64)
        yield Series(steps[wanted], timelines, times[wanted], values)


def _joined(signal: Channel, found: Sequence[Series]) -> Series:
    none = np.zeros(0, np.int64)
    steps, timelines, times = (np.concatenate([none, *(one[part] for one in found)]) for part in range(3))
    if signal.varies:
        words = [word for one in found for word in one.values]
        return Series(steps, timelines, times, [_word(signal, word) for word in words])
    empty = np.zeros((0, *signal.shape), "float32" if signal.dtype == "bfloat16" else signal.dtype)
    return Series(steps, timelines, times, np.concatenate([empty, *(one.values for one in found)]) if found else empty)


def _numbers(blocks: Mapping[int, Block], segment: SegmentReader, path: str) -> npt.NDArray[np.int64]:
    """Returns the steps or times of a batch. Raises: DataCorrupt."""
    (position,) = segment.positions([path])
    if position not in blocks:
        raise DataCorrupt(f"{segment.described()}: a batch has no {path}")
    return np.asarray(blocks[position].values)


def _row(segment: SegmentReader, blocks: Mapping[int, Block], row: int) -> Iterator[tuple[str, Any]]:
    for position, block in blocks.items():
        signal = segment.channels[position]
        place = row
        if block.present is not None:
            if not block.present[row]:
                continue
            place = int(np.count_nonzero(block.present[:row]))
        value = block.values[place]
        yield signal.path, _word(signal, value) if isinstance(value, bytes) else value


def _word(signal: Channel, word: bytes) -> Any:
    return json.loads(word) if signal.kind == "json" else word.decode()
