"""Regions: stretches of a saved object that are read where they lie, without holding all of it."""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from ainimal_zookeeper.domain.errors import DataCorrupt
from ainimal_zookeeper.ports.bucket import Bucket

_BLOCK = 4 << 20
_BLOCKS = 4
_HELD = 32 << 20


class Source(Protocol):
    """Bytes that do not change."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int) -> bytes:
        """Returns the bytes [start, stop), which are within it."""
        ...


def open_checked(bucket: Bucket, name: str, size: int, sha256: str, go_on: Callable[[], None] = lambda: None) -> Region:
    """Returns the object, whose bytes have that size and hash. A small one is held; others are read again by blocks.

    `go_on`, which may raise, is called before each block.

    Raises: DataCorrupt for other bytes; NotFound, Transient.
    """
    held = bytearray()
    digest, read = hashlib.sha256(), 0
    while read < size:
        go_on()
        block = bucket.get(name, read, min(read + _BLOCK, size))
        if not block:
            break
        digest.update(block)
        read += len(block)
        if size <= _HELD:
            held += block
    info = bucket.info(name)
    if digest.hexdigest() != sha256 or info is None or info.size_bytes != size:
        raise DataCorrupt(f"the object {name} is not what was saved: {size:,} bytes with SHA-256 {sha256}")
    source = Held(bytes(held)) if size <= _HELD else _Blocks(bucket, name, size)
    return Region(source, 0, size)


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, stop: int) -> bytes:
        return self.data[start:stop]


class _Blocks:
    """An object of the bucket of which the blocks used last are held. For one thread."""

    def __init__(self, bucket: Bucket, name: str, size: int) -> None:
        self._bucket = bucket
        self._name = name
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self.size = size

    def read(self, start: int, stop: int) -> bytes:
        found = list[bytes]()
        for number in range(start // _BLOCK, -(-stop // _BLOCK)):
            begin = number * _BLOCK
            found.append(self._block(number)[max(start - begin, 0) : stop - begin])
        return b"".join(found)

    def _block(self, number: int) -> bytes:
        block = self._held.get(number)
        if block is None:
            start = number * _BLOCK
            block = self._bucket.get(self._name, start, min(start + _BLOCK, self.size))
            self._held[number] = block
            if len(self._held) > _BLOCKS:
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(number)
        return block


class Region(io.RawIOBase):
    """The bytes [start, stop) of a source, as a file of its own."""

    def __init__(self, source: Source, start: int, stop: int) -> None:
        self._source = source
        self._start = start
        self._at = 0
        self.size = stop - start

    def read_at(self, start: int, stop: int) -> bytes:
        """Returns the bytes [start, stop) of it, fewer at its end."""
        stop = min(stop, self.size)
        return self._source.read(self._start + start, self._start + stop) if 0 <= start < stop else b""

    def part(self, start: int, stop: int) -> Region:
        """Raises: DataCorrupt where that is not within it."""
        if not 0 <= start <= stop <= self.size:
            raise DataCorrupt(f"bytes {start:,} to {stop:,} lie outside of the {self.size:,} that there are")
        return Region(self._source, self._start + start, self._start + stop)

    def open(self) -> BinaryIO:
        """Returns a stream of it, from its beginning."""
        return io.BufferedReader(self.part(0, self.size), 1 << 16)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"there is no place {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        data = self.read_at(self._at, self._at + len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
