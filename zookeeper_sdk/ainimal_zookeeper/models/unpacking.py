"""Unpacking: a zip that anybody may have made, into a folder and nowhere else. In runners only."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from ainimal_zookeeper.domain.errors import AInimalFault

_CHUNK = 1 << 20
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Limits:
    """What a zip may come to. ratio: how many times its own size, from `free_bytes` on."""

    entries: int = 10_000
    bytes: int = 8 << 30
    ratio: float = 100.0
    free_bytes: int = 64 << 20


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> None:
    """Writes the files of `archive` below the empty `folder`; nothing at all of one that leads out of it or is a bomb.

    Raises: AInimalFault that says what is wrong with it; OSError for a disk that is full.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            entries = zipped.infolist()
            _check(archive, entries, limits or Limits())
            for entry in entries:
                target = folder.joinpath(*_parts(entry))
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                # What an entry claims to be is the most that is ever read of it, and the rest a fault.
                with zipped.open(entry) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
    except (zipfile.BadZipFile, EOFError, zlib.error, ValueError, NotImplementedError, RuntimeError) as error:
        raise AInimalFault(f"{archive.name} is no zip that can be read: {error}; pack the folder again") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise AInimalFault(f"{archive.name} holds one name twice: {error.filename}; pack the folder again") from error


def _check(archive: Path, entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    """Raises: AInimalFault for what is not to be unpacked."""
    name = archive.name
    if len(entries) > limits.entries:
        raise AInimalFault(f"{name} has {len(entries):,} entries, more than {limits.entries:,}; it is not unpacked")
    for entry in entries:
        shown = f"{entry.filename!r:.200}"
        if any(part in {"", ".", ".."} for part in _parts(entry)) or any(each in entry.filename for each in "\\\0"):
            raise AInimalFault(f"{name} holds {shown}, which may lead out of its folder; it is not unpacked")
        if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise AInimalFault(f"{name} holds {shown}, which is a link or a device; it is not unpacked")
        if entry.flag_bits & _ENCRYPTED:
            raise AInimalFault(f"{name} holds {shown}, which is encrypted; pack it without a password")
    size, packed = sum(entry.file_size for entry in entries), archive.stat().st_size
    if size > limits.bytes:
        raise AInimalFault(f"{name} holds {size:,} bytes, more than {limits.bytes:,}; it is not unpacked")
    if size > limits.free_bytes and size > limits.ratio * packed:
        raise AInimalFault(
            f"{name} would be {size // packed:,} times as large when unpacked, more than {limits.ratio:g}; it is not "
            "unpacked"
        )


def _parts(entry: zipfile.ZipInfo) -> list[str]:
    name = entry.filename
    return (name.removesuffix("/")).split("/")
