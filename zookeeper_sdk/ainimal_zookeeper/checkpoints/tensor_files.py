"""Tensor files: the headers of safetensors and of NumPy's files, read without trust and without unpickling."""

from __future__ import annotations

import ast
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from ainimal_zookeeper.domain.errors import DataCorrupt, LimitReached

from . import elements
from .elements import Element
from .regions import Region
from .tensors import Tensor

MAX_TENSORS = 10_000
MAX_HEADER_BYTES = 4 << 20

_MAX_NPY_HEADER_BYTES = 10_000  # what NumPy itself takes
_MAX_AXES = 64
_NPY = b"\x93NUMPY"
_ZIPPED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError, OverflowError)
"""What the standard library raises for an archive that is none, or is encrypted, cut or altered."""


def safetensors(region: Region) -> dict[str, Tensor]:
    """Returns the tensors of a file of safetensors. Raises: DataCorrupt, LimitReached."""
    size = int.from_bytes(region.read_at(0, 8), "little")
    if region.size < 8 or not 0 < size <= region.size - 8:
        raise DataCorrupt(f"its header would have {size:,} bytes, and the file {region.size:,}")
    if size > MAX_HEADER_BYTES:
        raise LimitReached(f"its header has {size:,} bytes; up to {MAX_HEADER_BYTES:,} are read")
    try:
        header = json.loads(region.read_at(8, 8 + size))
    except (ValueError, RecursionError):
        raise DataCorrupt("its header is no JSON") from None
    if not isinstance(header, dict):
        raise DataCorrupt("its header is no object")
    header.pop("__metadata__", None)
    check_count(len(header))
    body = region.part(8 + size, region.size)
    found = {name: _safetensor(name, entry, body) for name, entry in header.items()}
    if sum(tensor.size_bytes for tensor in found.values()) > body.size:
        raise DataCorrupt("its tensors overlap")
    return dict(sorted(found.items(), key=lambda item: header[item[0]]["data_offsets"][0]))


def npy(region: Region) -> Tensor:
    """Returns the tensor of a `.npy` file. Raises: DataCorrupt."""
    return _npy_tensor(region.open, region.size)


def npz(region: Region, room: int) -> dict[str, Tensor]:
    """Returns the tensors of a `.npz` file, of up to `room` bytes unpacked, by the names they were saved under.

    Raises: DataCorrupt, LimitReached.
    """
    try:
        zipped = open_zip(region)  # stays open: its tensors are read later
    except BROKEN_ZIP as error:
        raise DataCorrupt(f"it is no archive: {error}") from None
    entries = [entry for entry in zipped.infolist() if not entry.filename.endswith("/")]
    check_count(len(entries))
    if sum(entry.file_size for entry in entries) > room:
        raise LimitReached(f"it has more than {room:,} bytes unpacked")
    if sum(entry.compress_size for entry in entries) > region.size:
        raise DataCorrupt("its entries overlap")
    found = dict[str, Tensor]()
    for entry in entries:
        if entry.compress_type not in _ZIPPED:
            raise DataCorrupt(f"its entry {entry.filename!r:.100} is packed in a way that NumPy does not use")
        name = entry.filename.removesuffix(".npy")
        if name in found:
            raise DataCorrupt(f"it holds {name!r:.100} twice")
        found[name] = _npy_tensor(_opener(zipped, entry), entry.file_size)
    return found


def open_zip(region: Region) -> zipfile.ZipFile:
    """Opens an archive whose directory is no bigger than it may be. Raises: `BROKEN_ZIP`."""
    return zipfile.ZipFile(_Sparing(region))


def check_count(count: int) -> None:
    if count > MAX_TENSORS:
        raise LimitReached(f"there are {count:,} tensors and files; up to {MAX_TENSORS:,} are compared")


class _Sparing(io.BufferedReader):
    """Reads little at a time: `zipfile` takes the size of an archive's directory from the archive itself."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_HEADER_BYTES:
            raise zipfile.BadZipFile(f"its directory has {size:,} bytes, more than {MAX_HEADER_BYTES:,}")
        return super().read(size)


class _Unpacking(io.RawIOBase):
    """One entry of an archive, from its beginning; what is wrong with it is DataCorrupt."""

    def __init__(self, zipped: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        self._entry = entry
        try:
            self._stream = zipped.open(entry)
        except BROKEN_ZIP as error:
            raise self._corrupt(error) from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            data = self._stream.read(len(buffer))
        except BROKEN_ZIP as error:
            raise self._corrupt(error) from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()

    def _corrupt(self, error: Exception) -> DataCorrupt:
        return DataCorrupt(f"its entry {self._entry.filename!r:.100} cannot be read: {error}")


def _opener(zipped: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    return lambda: io.BufferedReader(_Unpacking(zipped, entry), 1 << 16)


def _safetensor(name: str, entry: Any, body: Region) -> Tensor:
    try:
        dtype, shape, (start, stop) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise DataCorrupt(f"it does not say what its tensor {name!r:.100} is") from None
    if not isinstance(dtype, str) or not _are_sizes(shape) or not _are_sizes((start, stop)):
        raise DataCorrupt(f"it does not say what its tensor {name!r:.100} is")
    if not start <= stop <= body.size:
        raise DataCorrupt(f"its tensor {name!r:.100} lies outside of it")
    element = elements.of_safetensors(dtype)
    _check_size(name, element, shape, stop - start)
    return Tensor(element, shape, stop - start, body.part(start, stop).open)


def _npy_tensor(open_file: Callable[[], BinaryIO], file_size: int) -> Tensor:
    with open_file() as stream:
        begin = stream.read(8)
        width = {1: 2, 2: 4, 3: 4}.get(begin[6] if len(begin) == 8 else 0)
        if not begin.startswith(_NPY) or width is None:
            raise DataCorrupt("it is no file of NumPy")
        size = int.from_bytes(stream.read(width), "little")
        if size > _MAX_NPY_HEADER_BYTES:
            raise DataCorrupt(f"its header would have {size:,} bytes, and NumPy takes {_MAX_NPY_HEADER_BYTES:,}")
        descr, fortran, shape = _npy_header(stream.read(size))
    before = 8 + width + size
    left = file_size - before
    element = elements.of_numpy(descr) if isinstance(descr, str) else Element("record")
    _check_size("", element, shape, left)

    def open_body() -> BinaryIO:
        stream = open_file()
        stream.read(before)
        return stream

    return Tensor(element, shape, left, open_body, fortran and len(shape) > 1)


def _npy_header(text: bytes) -> tuple[Any, bool, tuple[int, ...]]:
    try:
        header = ast.literal_eval(text.decode())
        descr, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
        raise DataCorrupt("its header is not one of NumPy") from None
    if not isinstance(fortran, bool) or not isinstance(shape, tuple) or not _are_sizes(shape):
        raise DataCorrupt("its header is not one of NumPy")
    return descr, fortran, shape


def _are_sizes(values: tuple[Any, ...]) -> bool:
    return len(values) <= _MAX_AXES and all(type(value) is int and 0 <= value < 2**31 for value in values)


def _check_size(name: str, element: Element, shape: tuple[int, ...], size: int) -> None:
    expected = None if element.size is None else element.size * math.prod(shape)
    if size < 0 or expected not in {None, size}:
        raise DataCorrupt(f"its tensor {name!r:.100} has {size:,} bytes, and its shape {list(shape)!r:.100} others")
