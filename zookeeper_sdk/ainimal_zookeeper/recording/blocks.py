"""Blocks: the values of one channel in consecutive steps, as bytes and back.

    uint8   version of the block, 1
    uint8   flags: 1 zstd, 2 shuffled, 4 sparse, 8 varying, 16 differences
    uint16  0
    uint32  values in it
    uint32  bytes of the body before compression
    uint32  CRC-32 of the twelve bytes before, then of the body as stored
    body    [sparse: a bit for each step, least significant first] [varying: a uint32 length for each value] values

Values lie in order, C-contiguous, little-endian. Shuffled: the first byte of each element, then the second of each, and
so on. Differences: each integer less its predecessor, modulo its size. All of it is described in docs/recordings.md.
"""

from __future__ import annotations

import functools
import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ainimal_zookeeper.domain.errors import DataCorrupt
from ainimal_zookeeper.domain.recordings import NewerFormat

from .channel import Channel

VERSION = 1
ZSTD, SHUFFLED, SPARSE, VARYING, DIFFERENCES = 1, 2, 4, 8, 16

MOST_BYTES = 1 << 31
"""Of a block; whoever says more wants memory, not to be read."""

HEADER = struct.Struct("<BBHIII")
_SAID, _CRC = struct.Struct("<BBHII"), struct.Struct("<I")
_LEVEL = 1
_TRIED_EVERY = 32  # blocks of a channel

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Block:
    """What a block says. present: bool for each step of its batch, None for all. values: [number present, *shape]."""

    values: Array | list[bytes]
    present: npt.NDArray[np.bool_] | None


class Packing:
    """Finds out whether the blocks of a channel get smaller by being shuffled: most do, not all. For one thread."""

    def __init__(self) -> None:
        self._shuffles: dict[str, bool] = {}
        self._left: dict[str, int] = {}

    def numbers(self, channel: Channel, values: Array, present: npt.NDArray[np.bool_] | None) -> bytes:
        """As the function of that name; both ways are tried from time to time."""
        width, left = channel.item_bytes, self._left.get(channel.path, 0)
        if width == 1 or channel.kind == "scalar":
            return numbers(values, width, present)
        if left:
            self._left[channel.path] = left - 1
            return numbers(values, width, present, shuffled=self._shuffles[channel.path])
        shuffled, plain = (numbers(values, width, present, shuffled=way) for way in (True, False))
        self._shuffles[channel.path] = len(shuffled) <= len(plain)
        self._left[channel.path] = _TRIED_EVERY
        return min(shuffled, plain, key=len)


def numbers(
    values: Array,
    item_bytes: int,
    present: npt.NDArray[np.bool_] | None,
    *,
    differences: bool = False,
    shuffled: bool = True,
) -> bytes:
    """Returns the block of `values`, C-contiguous and little-endian, one for each step that is `present`."""
    flags = SHUFFLED if item_bytes > 1 and shuffled else 0
    if differences:
        flags |= DIFFERENCES
        gaps = values.copy()  # `numpy.diff` takes ten times as long for so few
        gaps[1:] -= values[:-1]
        values = gaps
    body: Any = values
    if flags & SHUFFLED:
        body = np.ascontiguousarray(values.view(np.uint8).reshape(-1, item_bytes).T)
    return _packed(flags, len(values), body, present, b"")


def words(values: Sequence[bytes], present: npt.NDArray[np.bool_] | None) -> bytes:
    """Returns the block of `values` of any length, one for each step that is `present`."""
    lengths = np.fromiter(map(len, values), "<u4", len(values)).tobytes()
    return _packed(VARYING, len(values), b"".join(values), present, lengths)


def _packed(flags: int, count: int, values: Any, present: npt.NDArray[np.bool_] | None, lengths: bytes) -> bytes:
    body = values
    if present is not None or lengths:
        bits = b"" if present is None else np.packbits(present, bitorder="little").tobytes()
        body = b"".join((bits, lengths, values))
        flags |= 0 if present is None else SPARSE
    size = body.nbytes if isinstance(body, np.ndarray) else len(body)
    stored: bytes = _compressor().compress(body)
    if len(stored) < size:
        flags |= ZSTD
    else:
        stored = body.tobytes() if isinstance(body, np.ndarray) else body
    head = _SAID.pack(VERSION, flags, 0, count, size)
    return b"".join((head, _CRC.pack(zlib.crc32(stored, zlib.crc32(head))), stored))


def decode(block: bytes, channel: Channel, steps: int) -> Block:
    """Returns what the block of a channel says, in a batch of so many steps.

    Raises: DataCorrupt where its bytes are not what they were, NewerFormat for a version that is not known here.
    """
    if len(block) < HEADER.size:
        raise DataCorrupt(f"a block of {channel.path} has {len(block)} bytes, fewer than its header")
    version, flags, _, count, size, crc = HEADER.unpack_from(block)
    body = memoryview(block)[HEADER.size :]
    if zlib.crc32(body, zlib.crc32(block[:12])) != crc:
        raise DataCorrupt(f"a block of {channel.path} is damaged: its CRC-32 is not what it says")
    if version != VERSION:
        raise NewerFormat(f"a block of {channel.path} has version {version}, and this zoo reads version {VERSION}")
    if flags & ~(ZSTD | SHUFFLED | SPARSE | VARYING | DIFFERENCES):
        raise NewerFormat(f"a block of {channel.path} is packed in a way that this zoo does not know: flags {flags}")
    _check_size(size, flags, count, steps, channel)
    data = memoryview(_unpacked(body, size, channel)) if flags & ZSTD else body
    if len(data) != size:
        raise DataCorrupt(f"a block of {channel.path} has {len(data)} bytes, and says {size}")
    present = None
    if flags & SPARSE:
        width = (steps + 7) // 8
        bits = np.frombuffer(data[:width], np.uint8)
        data = data[width:]
        present = np.unpackbits(bits, count=steps, bitorder="little").astype(bool) if len(bits) == width else None
    if (steps if present is None else int(np.count_nonzero(present))) != count or (flags & SPARSE and present is None):
        raise DataCorrupt(f"a block of {channel.path} has {count} values for {steps} steps")
    values = _words(data, count, channel) if flags & VARYING else _numbers(data, count, flags, channel)
    return Block(values, present)


def _check_size(size: int, flags: int, count: int, steps: int, channel: Channel) -> None:
    """Raises: DataCorrupt for a size that so many values cannot have, before any memory is taken for them."""
    bits = (steps + 7) // 8 if flags & SPARSE else 0
    wrong = size < bits + 4 * count if flags & VARYING else size != bits + count * channel.size_bytes
    if wrong or bool(flags & VARYING) != channel.varies:
        raise DataCorrupt(
            f"a block of {channel.path} has {size - bits:,} bytes, and {count:,} values of "
            f"{channel.dtype}{list(channel.shape)} have others"
        )
    if size > MOST_BYTES or count > steps:
        raise DataCorrupt(
            f"a block of {channel.path} would have {size:,} bytes, for {count:,} values in {steps:,} steps"
        )


def _unpacked(body: memoryview, size: int, channel: Channel) -> bytes:
    import zstandard

    try:
        if zstandard.frame_content_size(body) != size:
            raise DataCorrupt(f"a block of {channel.path} does not unpack to the {size:,} bytes that it says")
        return zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError as error:
        raise DataCorrupt(f"a block of {channel.path} is damaged: {error}") from None


def _words(data: memoryview, count: int, channel: Channel) -> list[bytes]:
    lengths = np.frombuffer(data[: 4 * count], "<u4") if len(data) >= 4 * count else np.zeros(0, "<u4")
    ends = np.cumsum(lengths, dtype=np.int64)
    texts = bytes(data[4 * count :])
    if len(lengths) != count or (int(ends[-1]) if count else 0) != len(texts):
        raise DataCorrupt(f"a block of {channel.path} has {len(texts)} bytes of text, and says otherwise")
    return [texts[end - length : end] for length, end in zip(lengths.tolist(), ends.tolist(), strict=True)]


def _numbers(data: memoryview, count: int, flags: int, channel: Channel) -> Array:
    width = channel.item_bytes
    raw = np.frombuffer(data, np.uint8)
    if flags & SHUFFLED:
        raw = np.ascontiguousarray(raw.reshape(width, -1).T)
    if channel.dtype == "bfloat16":
        wide = raw.view("<u2").astype("<u4").reshape(-1) << 16
        return wide.view("<f4").reshape(count, *channel.shape)
    values = raw.reshape(-1).view(np.dtype(channel.dtype).newbyteorder("<")).reshape(count, *channel.shape)
    return np.cumsum(values, axis=0, dtype=values.dtype) if flags & DIFFERENCES else values


_of_thread = threading.local()


def _compressor() -> Any:
    """Returns the thread's own: one must not be used by two at once."""
    found = getattr(_of_thread, "compressor", None)
    if found is None:
        found = _of_thread.compressor = _zstandard().ZstdCompressor(level=_LEVEL)
    return found


@functools.cache
def _zstandard() -> Any:
    import zstandard

    return zstandard
