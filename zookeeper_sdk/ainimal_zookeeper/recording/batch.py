"""Batches: rows as they are taken, before anybody has had the time to encode them.

A batch is written to by the step thread alone. `steps` gets a row's step last, so that another thread may read the rows
before it at any time. No lock is needed: what a list holds up to a length that was read does not change any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.recordings import EVENTS, STEPS, TIMES

from . import blocks
from .channel import Channel

MOST_ROWS = 1024
MOST_ROWS_OF_IMAGES = 32
MOST_BYTES = 4 << 20

_IN_PLACE_BYTES = 4096  # from here on copying into an array costs less than bytes that are joined later

CLOCK = (Channel(STEPS, "int64", (), "scalar"), Channel(TIMES, "int64", (), "scalar"))
"""What each segment says first of its steps: their numbers, and when they were, in microseconds since 1970, UTC."""

_INTEGERS = frozenset(
    {int, bool, *(np.dtype(f"{sign}int{bits}").type for sign in ("", "u") for bits in (8, 16, 32, 64)), np.bool_}
)
_FLOATS = _INTEGERS | {float, np.float16, np.float32, np.float64}
_TRUTHS = frozenset({bool, np.bool_})
_TAKEN = {"f": _FLOATS, "i": _INTEGERS, "u": _INTEGERS, "b": _TRUTHS}


def checked(channels: Sequence[Channel]) -> tuple[Channel, ...]:
    """Returns `channels`. Raises: InvalidInput where two have one path, or one a path of the recorder's own."""
    seen = {EVENTS, STEPS, TIMES}
    for channel in channels:
        if channel.path in seen:
            raise InvalidInput(f"{channel.path} cannot be recorded twice")
        seen.add(channel.path)
    return tuple(channels)


def row_bytes_of(channels: Sequence[Channel]) -> int:
    """Returns about how many bytes a row of `channels` holds, but for texts."""
    return 16 + sum(channel.size_bytes for channel in channels)


def rows_of(channels: Sequence[Channel]) -> int:
    """Returns how many rows a batch of `channels` has."""
    most = MOST_ROWS_OF_IMAGES if any(channel.kind == "image" for channel in channels) else MOST_ROWS
    return max(1, min(most, MOST_BYTES // row_bytes_of(channels)))


def item_type(channel: Channel) -> np.dtype[Any]:
    """Returns what NumPy has for the elements of a channel of numbers."""
    return np.dtype("uint16" if channel.dtype == "bfloat16" else channel.dtype)


class Column(NamedTuple):
    """Where the values of one channel go. values: a list, or an array with a place for each row."""

    channel: Channel
    values: Any
    absent: set[int]


class RareColumn(NamedTuple):
    """Where the values of a channel go that seldom has one: each with its row, in order."""

    channel: Channel
    values: list[tuple[int, bytes]]


class Batch:
    """Up to `rows` rows of `channels`. One of nothing but None and good values is taken quickly, others with care.

    rare: channels that have a value in few rows, and cost nothing in the others.
    """

    __slots__ = (
        "_most_rows",
        "columns",
        "frames",
        "has_texts",
        "numbers",
        "rare",
        "rows",
        "sealed",
        "serial",
        "steps",
        "tailed",
        "text_bytes",
        "timeline",
        "times",
        "vectors",
    )

    def __init__(self, channels: Sequence[Channel], rows: int, rare: Sequence[Channel] = ()) -> None:
        self.rows = self._most_rows = rows
        self.timeline = self.serial = 0
        self.steps: list[int] = []
        self.times: list[int] = []
        """In nanoseconds since 1970, UTC."""
        self.sealed = 0
        """How many rows are in segments already; of the worker."""
        self.tailed = 0
        """How many rows are in tails already; of the worker."""
        self.text_bytes = 0
        """Of texts and rare values: what rows hold beyond what all of them do."""
        self.columns = [_column(channel, rows) for channel in channels]
        self.rare = [RareColumn(channel, []) for channel in rare]
        kept = list(enumerate(self.columns))
        self.vectors = [
            (index, column.values.append, item_type(column.channel), column.channel.size_bytes)
            for index, column in kept
            if _is_listed(column) and column.channel.kind != "scalar"
        ]
        self.numbers = [
            (index, column.values.append, _TAKEN[item_type(column.channel).kind])
            for index, column in kept
            if column.channel.kind == "scalar"
        ]
        self.frames = [
            (index, column.values, item_type(column.channel), column.channel.shape)
            for index, column in kept
            if not isinstance(column.values, list)
        ]
        self.has_texts = any(channel.varies for channel in channels)

    def take_with_care(self, values: Sequence[Any]) -> None:
        """Adds a row of values that are absent, or are to be converted; `steps` and `times` are left to the caller.

        Raises: InvalidInput for a value that its channel cannot hold; the row is then not there.
        """
        row = len(self.steps)
        self._cut(row)
        if len(values) != len(self.columns):
            raise InvalidInput(f"{len(values)} values for the {len(self.columns)} channels of the recording")
        good = [
            None if value is None else _good(column.channel, value)
            for column, value in zip(self.columns, values, strict=True)
        ]
        for column, value in zip(self.columns, good, strict=True):
            if isinstance(column.values, list):
                column.values.append(value if value is None or column.channel.kind == "scalar" else _bytes(value))
            elif value is not None:
                column.values[row] = value
            if value is None:
                column.absent.add(row)
            elif column.channel.varies:
                self.text_bytes += len(value)
        if self.text_bytes >= MOST_BYTES:
            self.rows = row + 1

    def take_rare(self, values: Sequence[Any]) -> None:
        """Adds what a row has of rare channels, None for what it has not, after all else of the row but its step.

        Raises: as `take_with_care`.
        """
        row = len(self.steps)
        try:
            good = [
                None if value is None else _bytes(_good(self.rare[at].channel, value))
                for at, value in enumerate(values)
            ]
        except InvalidInput:
            self._cut(row)
            raise
        for column, value in zip(self.rare, good, strict=True):
            if value is not None:
                column.values.append((row, value))
                self.text_bytes += len(value)
        if self.text_bytes >= MOST_BYTES:
            self.rows = row + 1

    def clear(self) -> None:
        """Makes room for other rows. Nobody else may use it meanwhile."""
        self.steps.clear()
        self.sealed = self.tailed = self.text_bytes = 0
        self.rows = self._most_rows
        self._cut(0)
        for column in self.columns:
            column.absent.clear()
        for rare in self.rare:
            rare.values.clear()

    def _cut(self, row: int) -> None:
        del self.times[row:]
        for column in self.columns:
            if isinstance(column.values, list):
                del column.values[row:]
            column.absent.discard(row)


def _column(channel: Channel, rows: int) -> Column:
    if channel.size_bytes < _IN_PLACE_BYTES:
        return Column(channel, [], set())
    return Column(channel, np.empty((rows, *channel.shape), item_type(channel)), set())


def _is_listed(column: Column) -> bool:
    return isinstance(column.values, list) and not column.channel.varies


def text_of(channel: Channel, value: Any) -> bytes:
    """Returns a value of a channel of text or JSON as it is kept. Raises: InvalidInput."""
    if channel.kind == "text":
        return str(value).encode(errors="replace")
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain).encode(errors="replace")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{channel.path}: {value!r:.80} is not JSON: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _good(channel: Channel, value: Any) -> Any:
    """Returns `value` as its channel holds it: bytes, a number, or an array."""
    if channel.varies:
        return text_of(channel, value)
    dtype = item_type(channel)
    try:
        array = np.asarray(value)
        if not np.can_cast(array.dtype, dtype, "same_kind") and not (array.dtype.kind in "iub" and dtype.kind in "iu"):
            raise InvalidInput(f"{channel.path} is recorded as {channel.dtype}, and a value is {array.dtype}")
        good = array.astype(dtype).reshape(channel.shape)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(
            f"{channel.path} is recorded as {channel.dtype}{list(channel.shape)}, and {value!r:.80} is not that"
        ) from None
    return good[()] if channel.kind == "scalar" else good


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes(value.tobytes())


class Encoded(NamedTuple):
    """Rows as blocks: those of `CLOCK`, then one for each channel, None where no row has a value. Times in us."""

    first_step: int
    last_step: int
    first_time: int
    last_time: int
    rows: int
    blocks: list[bytes | None]

    @property
    def size_bytes(self) -> int:
        return sum(len(block) for block in self.blocks if block is not None)


def encode(batch: Batch, start: int, stop: int, packing: blocks.Packing, refused: Callable[[str], None]) -> Encoded:
    """Returns the rows from `start` up to `stop` as blocks.

    A number that its channel cannot hold is absent in its row, and `refused` is told.
    """
    steps = np.array(batch.steps[start:stop], np.int64)
    times = np.array(batch.times[start:stop], np.int64) // 1000
    clock = [blocks.numbers(values, 8, None, differences=True) for values in (steps, times)]
    found = [_block(column, start, stop, packing, refused) for column in batch.columns]
    found += [_rare_block(column, start, stop) for column in batch.rare]
    return Encoded(int(steps[0]), int(steps[-1]), int(times[0]), int(times[-1]), stop - start, [*clock, *found])


def _block(
    column: Column, start: int, stop: int, packing: blocks.Packing, refused: Callable[[str], None]
) -> bytes | None:
    channel, values = column.channel, column.values[start:stop]
    # Copied in one go: the step thread may add to it meanwhile.
    absent = {row - start for row in tuple(column.absent) if start <= row < stop}
    if channel.kind == "scalar":
        values = _fitting(channel, values, absent, refused)
    present = None
    if absent:
        present = np.array([row not in absent for row in range(stop - start)])
        if not present.any():
            return None
        values = [value for value in values if value is not None] if isinstance(values, list) else values[present]
    if channel.varies:
        return blocks.words(values, present)
    if isinstance(values, list):
        dtype = item_type(channel)
        values = np.array(values, dtype) if channel.kind == "scalar" else np.frombuffer(b"".join(values), dtype)
        values = values.reshape(-1, *channel.shape)
    return packing.numbers(channel, values, present)


def _rare_block(column: RareColumn, start: int, stop: int) -> bytes | None:
    channel = column.channel
    taken = [(row - start, value) for row, value in column.values if start <= row < stop]
    if not taken:
        return None
    present = np.zeros(stop - start, np.bool_)
    present[[row for row, _ in taken]] = True
    values = [value for _, value in taken]
    if channel.varies:
        return blocks.words(values, present)
    array = np.frombuffer(b"".join(values), item_type(channel)).reshape(-1, *channel.shape)
    return blocks.numbers(array, channel.item_bytes, present)


def _fitting(channel: Channel, values: list[Any], absent: set[int], refused: Callable[[str], None]) -> Any:
    """Returns numbers as an array, or as they are where some are `absent`, to which it adds those that do not fit."""
    dtype = item_type(channel)
    try:
        return values if absent else np.array(values, dtype)
    except OverflowError:
        fitting = [value if _fits(value, dtype) else None for value in values]
    for row, value in enumerate(fitting):
        if value is None:
            absent.add(row)
            refused(f"{channel.path}: {values[row]!r:.40} does not fit into {channel.dtype}, and is left out")
    return fitting


def _fits(value: Any, dtype: np.dtype[Any]) -> bool:
    try:
        np.array(value, dtype)
    except OverflowError:
        return False
    return True
