"""Archive: a folder as one file, always the same bytes for the same content, and safely back again.

A zip whose entries are stored as they are: weights hardly shrink, and what is unpacked is then never larger than what
came.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path

from ainimal_zookeeper.domain.errors import DataCorrupt

MAX_ENTRIES = 100_000
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip knows: when a file was written must not change the archive
_CHUNK = 1 << 20


def pack(folder: Path, archive: Path, *, max_entries: int = MAX_ENTRIES) -> None:
    """Writes the files and folders below `folder` to `archive`, in the order of their names.

    Raises: OSError; ValueError when they are too many.
    """
    found = sorted((path for path in folder.rglob("*") if path.is_file() or path.is_dir()), key=lambda path: path.parts)
    if len(found) > max_entries:
        raise ValueError(f"there are {len(found)} files and folders; at most {max_entries} make a checkpoint")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        for path in found:
            name = path.relative_to(folder).as_posix()
            if path.is_dir():
                zipped.writestr(_entry(f"{name}/"), b"")
                continue
            entry = _entry(name)
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, zipped.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)


def unpack(archive: Path, folder: Path, *, max_entries: int = MAX_ENTRIES) -> None:
    """Writes what `pack` packed into the empty `folder`, and nothing outside of it.

    Raises: DataCorrupt when the archive is damaged or is not one that `pack` makes.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            entries = zipped.infolist()
            _check(entries, archive.stat().st_size, max_entries)
            for entry in entries:
                target = folder.joinpath(*entry.filename.rstrip("/").split("/"))
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with zipped.open(entry) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DataCorrupt(f"the checkpoint is no archive that can be read: {error}") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DataCorrupt(f"the checkpoint holds one name twice: {error.filename}") from error


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3  # Unix, wherever it is made
    entry.external_attr = (stat.S_IFDIR | 0o755) << 16 if name.endswith("/") else (stat.S_IFREG | 0o644) << 16
    return entry


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
