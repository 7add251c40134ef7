"""Container: segments as files of MCAP, written here, and read where no manifest says what lies where.

Only what a segment needs of MCAP (https://mcap.dev/spec): chunks are not compressed, their messages are. Other tools
list and index these files; what is within a message they leave alone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ainimal_zookeeper.domain.errors import DataCorrupt

MAGIC = b"\x89MCAP0\r\n"
PROFILE = "zookeeper"
METADATA = "zookeeper"

_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _MESSAGE_INDEX, _CHUNK_INDEX = range(1, 9)
_STATISTICS, _METADATA, _METADATA_INDEX, _SUMMARY_OFFSET, _DATA_END = 0x0B, 0x0C, 0x0D, 0x0E, 0x0F

_RECORD = struct.Struct("<BQ")
_MESSAGE_HEAD = struct.Struct("<BQHIQQ")
_CHUNK_HEAD = struct.Struct("<BQQQQIIQ")
_INDEX = struct.Struct("<BQHIQQ")  # of a message that is the only one of its channel in its chunk
_PLACE = struct.Struct("<HQ")
_CHUNK_PLACE, _CHUNK_SIZES = struct.Struct("<QQQQI"), struct.Struct("<QIQQ")

FRAMING = _MESSAGE_HEAD.size
"""Bytes before the data of each message."""


@dataclass(frozen=True, slots=True)
class Message:
    """channel: from 1. at: where its data begin in the file. sequence: of its batch. time_ns: of its first row."""

    channel: int
    sequence: int
    time_ns: int
    data: bytes
    at: int = 0


@dataclass(slots=True)
class Container:
    """A file of MCAP while it is put together: `pieces`, of `size` bytes in all, are what it has so far."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    _summary: dict[int, list[bytes]] = field(default_factory=dict)
    _counts: dict[int, int] = field(default_factory=dict)
    _span: tuple[int, int] | None = None

    def begin(self, library: str, said: Mapping[str, str]) -> None:
        """Writes what comes first; `said` is for whoever reads without a manifest."""
        self._write(MAGIC, _record(_HEADER, _string(PROFILE) + _string(library)))
        at = self.size
        record = _record(_METADATA, _string(METADATA) + _map(said))
        self._write(record)
        self._keep(_METADATA_INDEX, struct.pack("<QQ", at, len(record)) + _string(METADATA))

    def schema(self, number: int, name: str, encoding: str, text: str) -> None:
        body = struct.pack("<H", number) + _string(name) + _string(encoding) + _string(text)
        self._write(_record(_SCHEMA, body))
        self._keep(_SCHEMA, body)

    def channel(self, number: int, schema: int, topic: str, encoding: str, said: Mapping[str, str]) -> None:
        body = struct.pack("<HH", number, schema) + _string(topic) + _string(encoding) + _map(said)
        self._write(_record(_CHANNEL, body))
        self._keep(_CHANNEL, body)

    def chunk(self, messages: Sequence[Message], last_time_ns: int) -> int:
        """Writes messages that are read together, at most one of each channel.

        Returns where the data of the first begin.
        """
        first = min(message.time_ns for message in messages)
        records: list[bytes] = []
        indexes: list[bytes] = []
        offset = 0
        for message in messages:
            size, channel, now = len(message.data), message.channel, message.time_ns
            records += (
                _MESSAGE_HEAD.pack(_MESSAGE, FRAMING - 9 + size, channel, message.sequence, now, now),
                message.data,
            )
            indexes.append(_INDEX.pack(_MESSAGE_INDEX, _INDEX.size - 9, channel, 16, now, offset))
            offset += FRAMING + size
            self._counts[channel] = self._counts.get(channel, 0) + 1
        body = b"".join(records)
        crc, size = zlib.crc32(body), len(body)
        begun = _CHUNK_HEAD.pack(_CHUNK, _CHUNK_HEAD.size - 9 + size, first, last_time_ns, size, crc, 0, size)
        at, length = self.size, len(begun) + size
        places = b"".join(
            _PLACE.pack(message.channel, at + length + order * _INDEX.size) for order, message in enumerate(messages)
        )
        self._write(b"".join((begun, body, *indexes)))
        self._keep(
            _CHUNK_INDEX,
            b"".join(
                (
                    _CHUNK_PLACE.pack(first, last_time_ns, at, length, len(places)),
                    places,
                    _CHUNK_SIZES.pack(len(messages) * _INDEX.size, 0, size, size),
                )
            ),
        )
        begin, end = self._span or (first, last_time_ns)
        self._span = min(begin, first), max(end, last_time_ns)
        return at + len(begun) + FRAMING

    def end(self) -> None:
        """Writes what comes last."""
        self._write(_record(_DATA_END, struct.pack("<I", 0)))
        begin, end = self._span or (0, 0)
        counts = b"".join(struct.pack("<HQ", *count) for count in sorted(self._counts.items()))
        listed = {code: len(self._summary.get(code, ())) for code in (_SCHEMA, _CHANNEL, _CHUNK_INDEX)}
        self._keep(
            _STATISTICS,
            struct.pack(
                "<QHIIIIQQI",
                sum(self._counts.values()),
                listed[_SCHEMA],
                listed[_CHANNEL],
                0,
                1,
                listed[_CHUNK_INDEX],
                begin,
                end,
                len(counts),
            )
            + counts,
        )
        start = self.size
        summary, offsets = b"", b""
        for code in (_SCHEMA, _CHANNEL, _STATISTICS, _METADATA_INDEX, _CHUNK_INDEX):
            records = b"".join(_record(code, body) for body in self._summary.get(code, ()))
            if records:
                offsets += _record(_SUMMARY_OFFSET, struct.pack("<BQQ", code, start + len(summary), len(records)))
            summary += records
        footer = _RECORD.pack(_FOOTER, 20) + struct.pack("<QQ", start, start + len(summary))
        crc = zlib.crc32(summary + offsets + footer)
        self._write(summary, offsets, footer, struct.pack("<I", crc), MAGIC)

    def _write(self, *pieces: bytes) -> None:
        self.pieces.extend(pieces)
        self.size += sum(map(len, pieces))

    def _keep(self, code: int, body: bytes) -> None:
        self._summary.setdefault(code, []).append(body)


@dataclass(slots=True)
class Contents:
    """What a file of MCAP holds, as far as it could be read. damage: why no further; None: it was whole."""

    said: dict[str, str] = field(default_factory=dict)
    channels: dict[int, tuple[str, dict[str, str]]] = field(default_factory=dict)
    """Topic and metadata by number."""
    messages: list[Message] = field(default_factory=list)
    damage: str | None = None


def contents(data: bytes) -> Contents:
    """Reads a segment from its beginning, as far as its bytes are what they should be.

    Raises: DataCorrupt for what does not begin as a segment does.
    """
    if not data.startswith(MAGIC):
        raise DataCorrupt("it is no file of MCAP")
    found = Contents()
    try:
        _read(data, len(MAGIC), len(data), found)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        found.damage = f"it cannot be read further: {error}"
    return found


def _read(data: bytes, at: int, stop: int, found: Contents) -> None:
    while True:
        if at + 9 > stop:
            found.damage = f"it ends after {stop:,} bytes, within a record"
            return
        code, size = _RECORD.unpack_from(data, at)
        at += 9
        if at + size > stop:
            found.damage = f"it ends after {stop:,} bytes, within a record"
            return
        if code == _CHUNK:
            if not _read_chunk(data, at, at + size, found):
                found.damage = f"its chunk at byte {at - 9:,} is damaged"
                return
        elif code == _HEADER:
            profile, _ = _text(data, at)
            if profile != PROFILE:
                raise DataCorrupt(f"it is a file of MCAP, but of profile {profile!r:.40}, not of a recording of a zoo")
        elif code == _METADATA:
            name, after = _text(data, at)
            if name == METADATA:
                found.said = _texts(data, after)
        elif code == _CHANNEL:
            (number,) = struct.unpack_from("<H", data, at)
            topic, after = _text(data, at + 4)
            _, after = _text(data, after)
            found.channels[number] = topic, _texts(data, after)
        elif code == _DATA_END:
            return
        at += size


def _read_chunk(data: bytes, at: int, stop: int, found: Contents) -> bool:
    """Adds the messages of a chunk; tells whether its bytes are what they were."""
    crc = _CHUNK_HEAD.unpack_from(data, at - 9)[5]
    at += _CHUNK_HEAD.size - 9
    if zlib.crc32(data[at:stop]) != crc:
        return False
    while at < stop:
        _, size, channel, sequence, time_ns, _ = _MESSAGE_HEAD.unpack_from(data, at)
        end = at + 9 + size
        found.messages.append(Message(channel, sequence, time_ns, data[at + FRAMING : end], at + FRAMING))
        at = end
    return True


def _record(code: int, body: bytes) -> bytes:
    return _RECORD.pack(code, len(body)) + body


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def _map(values: Mapping[str, str]) -> bytes:
    data = b"".join(_string(name) + _string(value) for name, value in values.items())
    return struct.pack("<I", len(data)) + data


def _text(data: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("<I", data, at)
    end = at + 4 + size
    if end > len(data):
        raise IndexError(f"a text ends after {end:,} of {len(data):,} bytes")
    return data[at + 4 : end].decode(), end


def _texts(data: bytes, at: int) -> dict[str, str]:
    (size,) = struct.unpack_from("<I", data, at)
    at, end = at + 4, at + 4 + size
    found = {}
    while at < end:
        name, at = _text(data, at)
        found[name], at = _text(data, at)
    return found
