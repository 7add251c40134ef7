"""Archive: files and tensors as one file, always the same bytes for the same content, and safely back again.

A zip whose entries are stored as they are: weights hardly shrink, what is unpacked is then never larger than what
came, and a tensor can be read where it lies. It is written front to back and hashed on the way.
"""

from __future__ import annotations

import mmap
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ainimal_zookeeper.domain.errors import DataCorrupt

from .digest import Digest

MAX_ENTRIES = 100_000
_OF_THE_ZOO = 10  # entries at most beside those of the author's
_CHUNK = 1 << 20
_ALIGNED = 64  # where data begins, so that tensors can be used where they lie
_PADDING = 0xD935  # the extra field that other programs align with
_BIG = 0xFFFFFFFF  # from here on a zip says sizes in 64 bits
_DATE = 0x21  # 1 January 1980, the first day that a zip knows: when a file was written must not change the archive
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_LOCAL_SIZE = 30
_FLAGS = 0x808  # names in UTF-8; sums and sizes behind the data


@dataclass(frozen=True, slots=True)
class Entry:
    """source: a file, buffers, or None for a folder, whose name ends in "/"."""

    name: str
    source: Path | list[Any] | None


def entries_of(folder: Path, prefix: str = "", *, max_entries: int = MAX_ENTRIES) -> list[Entry]:
    """Returns what is below `folder`, in the order of the names. Raises: ValueError when that is too much."""
    found = sorted((path for path in folder.rglob("*") if path.is_file() or path.is_dir()), key=lambda path: path.parts)
    if len(found) > max_entries - _OF_THE_ZOO * bool(prefix):
        raise ValueError(f"there are {len(found)} files and folders; at most {max_entries} make a checkpoint")
    if odd := next((path.name for path in found if "\\" in path.name), None):
        raise ValueError(f"{odd!r} has a backslash in its name, which is a folder elsewhere; name it without")
    if linked := next((path.name for path in found if path.is_symlink() and path.is_dir()), None):
        raise ValueError(f"{linked!r} is a link to a folder, whose files would be lost; copy them there instead")
    return [
        Entry(f"{prefix}{path.relative_to(folder).as_posix()}{'/' * path.is_dir()}", None if path.is_dir() else path)
        for path in found
    ]


def pack(folder: Path, archive: Path, *, max_entries: int = MAX_ENTRIES) -> None:
    """Writes the files and folders below `folder` to `archive`. Raises: OSError; ValueError when they are too many."""
    write(entries_of(folder, max_entries=max_entries), archive)


def write(entries: Iterable[Entry], archive: Path) -> tuple[int, str]:
    """Writes a new archive; returns its size in bytes and its SHA-256 in hexadecimal. Raises: OSError."""
    with archive.open("wb") as file, Digest() as digest:
        for piece in _pieces(entries):
            digest.update(piece)
            file.write(piece)
        size = file.tell()
    return size, digest.hexdigest()


def unpack(archive: Path, folder: Path, *, below: str = "", max_entries: int = MAX_ENTRIES) -> None:
    """Writes what `archive` has below the folder `below` into the empty `folder`, and nothing outside of it.

    Raises: DataCorrupt when the archive is damaged or is not one that `write` makes, whatever is in it.
    """
    with _opened(archive, max_entries) as zipped:
        try:
            for entry in zipped.infolist():
                if not entry.filename.startswith(below) or entry.filename == below:
                    continue
                target = folder.joinpath(*entry.filename[len(below) :].rstrip("/").split("/"))
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with zipped.open(entry) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise DataCorrupt(f"the checkpoint holds one name twice: {error.filename}") from error


def look_into(archive: Path, *, max_entries: int = MAX_ENTRIES) -> Mapping[str, memoryview]:
    """Returns the files of `archive` by name, as they lie in it: writing to them changes nothing on the disk.

    Raises: DataCorrupt as `unpack`.
    """
    with _opened(archive, max_entries) as zipped, archive.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        found = {}
        for entry in zipped.infolist():
            at = entry.header_offset
            name_size, extra_size = struct.unpack("<HH", data[at + 26 : at + _LOCAL_SIZE])
            start = at + _LOCAL_SIZE + name_size + extra_size
            found[entry.filename] = data[start : start + entry.file_size]
            if len(found[entry.filename]) != entry.file_size:
                raise DataCorrupt(f"the checkpoint's entry {entry.filename!r} is cut off")
        return found


@contextmanager
def _opened(archive: Path, max_entries: int) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as zipped:
            _check(zipped.infolist(), archive.stat().st_size, max_entries)
            yield zipped
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error) as error:
        raise DataCorrupt(f"the checkpoint is no archive that can be read: {error}") from error


def _check(entries: list[zipfile.ZipInfo], size: int, max_entries: int) -> None:
    if len(entries) > max_entries:
        raise DataCorrupt(f"the checkpoint has {len(entries)} entries, more than {max_entries}; it is not unpacked")
    for entry in entries:
        parts = entry.filename.rstrip("/").split("/")
        if any(part in {"", ".", ".."} for part in parts) or "\\" in entry.filename:
            raise DataCorrupt(f"the checkpoint holds {entry.filename!r}, which leads out of it; it is not unpacked")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR} or entry.compress_type != zipfile.ZIP_STORED:
            raise DataCorrupt(f"the checkpoint's entry {entry.filename!r} is no plain file; it is not unpacked")
    if sum(entry.file_size for entry in entries) > size:
        raise DataCorrupt("the checkpoint's entries are larger than the checkpoint; it is not unpacked")


# --- the format ------------------------------------------------------------------------------------------------------


def _pieces(entries: Iterable[Entry]) -> Iterator[Any]:
    """Yields the bytes of an archive in order, buffers uncopied."""
    at, count, central = 0, 0, bytearray()
    for entry in entries:
        size, crc, sent = _size(entry), 0, 0
        head = _local(entry.name, size, at)
        yield head
        for piece in _data(entry):
            yield piece  # first, so that it is hashed meanwhile
            crc, sent = zlib.crc32(piece, crc), sent + len(piece)
        if sent != size:
            raise OSError(f"{entry.name} changed while it was read")
        tail = _descriptor(crc, size)
        yield tail
        central += _central(entry.name, crc, size, at)
        at += len(head) + size + len(tail)
        count += 1
    yield bytes(central) + _ending(count, len(central), at)


def _size(entry: Entry) -> int:
    if isinstance(entry.source, Path):
        return entry.source.stat().st_size
    return sum(memoryview(buffer).nbytes for buffer in entry.source or ())


def _data(entry: Entry) -> Iterator[Any]:
    if isinstance(entry.source, Path):
        with entry.source.open("rb") as file:
            yield from _read(file)
        return
    for buffer in entry.source or ():
        view = memoryview(buffer)
        for start in range(0, len(view), _CHUNK):
            yield view[start : start + _CHUNK]


def _read(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _local(name: str, size: int, at: int) -> bytes:
    encoded = name.encode()
    big = struct.pack("<HHQQ", 1, 16, 0, 0) if size >= _BIG else b""
    begins = at + _LOCAL_SIZE + len(encoded) + len(big) + 4
    extra = big + struct.pack("<HH", _PADDING, -begins % _ALIGNED) + bytes(-begins % _ALIGNED)
    facts = (45 if big else 20, _FLAGS, 0, 0, _DATE, 0, _BIG if big else 0, _BIG if big else 0)
    return _LOCAL + struct.pack("<HHHHHIIIHH", *facts, len(encoded), len(extra)) + encoded + extra


def _descriptor(crc: int, size: int) -> bytes:
    """Returns what stands behind the data, so that it is read only once."""
    return b"PK\x07\x08" + struct.pack("<IQQ" if size >= _BIG else "<III", crc, size, size)


def _central(name: str, crc: int, size: int, at: int) -> bytes:
    encoded = name.encode()
    wide = ([size, size] if size >= _BIG else []) + ([at] if at >= _BIG else [])
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    mode = (stat.S_IFDIR | 0o755) if name.endswith("/") else (stat.S_IFREG | 0o644)
    version, said = 45 if wide else 20, min(size, _BIG)
    made_by = 3 << 8 | version  # Unix, wherever it is made
    facts = (made_by, version, _FLAGS, 0, 0, _DATE, crc, said, said, len(encoded), len(extra), 0, 0, 0)
    return _CENTRAL + struct.pack("<HHHHHHIIIHHHHHII", *facts, mode << 16, min(at, _BIG)) + encoded + extra


def _ending(count: int, size: int, at: int) -> bytes:
    big = b""
    if count >= 0xFFFF or size >= _BIG or at >= _BIG:
        big = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 3 << 8 | 45, 45, 0, 0, count, count, size, at)
        big += b"PK\x06\x07" + struct.pack("<IQI", 0, at + size, 1)
    shown = min(count, 0xFFFF)
    return big + _END + struct.pack("<HHHHIIH", 0, 0, shown, shown, min(size, _BIG), min(at, _BIG), 0)
