"""Contents: the tensors and files in the archive of a checkpoint that tell what an AInimal has become.

zoo.json                    absent in what older zoos saved: then all entries are what `save` wrote
saved/...                   what `save` wrote: files of tensors are looked into, others compared as bytes
model/tensors.safetensors   what the zoo found in a model without `save`
model/values.json           and the numbers in it; the rest of each attribute is compared as bytes by its name
model/...                   compared as bytes
runner/...                  what else of a run goes on: chance, buffers, the world; not looked at
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable

from ainimal_zookeeper.domain.errors import DataCorrupt, LimitReached

from . import tensor_files, values
from .elements import Element
from .regions import Held, Region
from .tensor_files import BROKEN_ZIP, MAX_HEADER_BYTES, check_count
from .tensors import Tensor

MAX_BYTES = 512 << 20

_BYTES = Element("bytes")
_MARK = "zoo.json"
_FORMAT = 2
_VALUES = "model/values.json"
_LOCAL_HEADER = struct.Struct("<4s22xHH")


def tensors_in(archive: Region, go_on: Callable[[], None] = lambda: None) -> dict[str, Tensor]:
    """Returns what is to be compared of an archive, by names as people see them.

    `balancer.npz/policy` is the array `policy` of what `save` wrote as `balancer.npz`; what the zoo found in a model
    goes by its own name. A file that is not what its name says is compared as bytes. `go_on`, which may raise, is
    called for each file.

    Raises: DataCorrupt for an archive that is none of the zoo's; LimitReached for one that is too big to be compared.
    """
    entries = _entries(archive)
    prefix = "saved/" if _is_marked(entries.get(_MARK)) else ""
    found, room = dict[str, Tensor](), MAX_BYTES
    for name, region in entries.items():
        go_on()
        if name.startswith(prefix):
            inner = _look_into(name.removeprefix(prefix), region, room)
        elif name.startswith("model/"):
            inner = _captured(name, region)
        else:
            continue
        found.update(inner)
        room -= sum(tensor.size_bytes for tensor in inner.values())
        check_count(len(found))
    return {_visible(name): tensor for name, tensor in found.items()}


def check_size(size: int) -> None:
    """Raises: LimitReached for an archive that is too big to be compared."""
    if size > MAX_BYTES:
        raise LimitReached(f"it has {size:,} bytes; up to {MAX_BYTES:,} are compared")


def _is_marked(region: Region | None) -> bool:
    """Tells whether an archive is one with parts. Raises: DataCorrupt where only a newer zoo knows them."""
    try:
        facts = {} if region is None else json.loads(region.read_at(0, MAX_HEADER_BYTES))
    except (ValueError, RecursionError):
        facts = {}
    if not isinstance(facts, dict) or not isinstance(facts.get("format"), int) or "needsPickle" not in facts:
        return False  # a file that `save` calls so
    if facts["format"] != _FORMAT:
        raise DataCorrupt(f"it is of format {facts['format']}, which only a newer zoo can compare")
    return True


def _captured(name: str, region: Region) -> dict[str, Tensor]:
    """Returns what is in a file below model/."""
    try:
        if name == "model/tensors.safetensors":
            return tensor_files.safetensors(region)
        if name == _VALUES:
            numbers, rest = values.parts_of(region, name)
            files = {part: _file(Region(Held(data), 0, len(data))) for part, data in rest.items()}
            return {**files, **numbers} or {name: _file(region)}
    except (DataCorrupt, LimitReached) as error:
        raise type(error)(f"{name}: {error}") from None
    return {name: _file(region)}


def _look_into(name: str, region: Region, room: int) -> dict[str, Tensor]:
    """Returns the tensors of a file that `save` wrote, or the file itself."""
    kind = name.rpartition(".")[2].lower()
    try:
        if kind == "npy":
            return {name: tensor_files.npy(region)}
        if kind == "npz":
            inner = tensor_files.npz(region, room)
        elif kind == "safetensors":
            inner = tensor_files.safetensors(region)
        else:
            return {name: _file(region)}
    except DataCorrupt:
        return {name: _file(region)}
    return {f"{name}/{path}": tensor for path, tensor in inner.items()}


def _file(region: Region) -> Tensor:
    return Tensor(_BYTES, None, region.size, region.open)


def _entries(archive: Region) -> dict[str, Region]:
    """Returns the files of an archive where they lie in it. Raises: DataCorrupt, LimitReached."""
    check_size(archive.size)
    try:
        with tensor_files.open_zip(archive) as zipped:
            entries = [entry for entry in zipped.infolist() if not entry.filename.endswith("/")]
    except BROKEN_ZIP as error:
        raise DataCorrupt(f"it is no archive that can be read: {error}") from None
    check_count(len(entries))
    if sum(entry.file_size for entry in entries) > archive.size:
        raise DataCorrupt("its entries overlap, or are larger than it is")
    found = {entry.filename: _region(archive, entry) for entry in entries}
    if len(found) < len(entries):
        raise DataCorrupt("it holds one name twice")
    return found


def _region(archive: Region, entry: zipfile.ZipInfo) -> Region:
    header = archive.read_at(entry.header_offset, entry.header_offset + _LOCAL_HEADER.size)
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or len(header) < _LOCAL_HEADER.size:
        raise DataCorrupt(f"its entry {entry.filename!r:.100} is not stored as it is")
    mark, name_size, extra_size = _LOCAL_HEADER.unpack(header)
    if mark != b"PK\x03\x04" or entry.compress_size != entry.file_size:
        raise DataCorrupt(f"its entry {entry.filename!r:.100} is not where its directory says")
    start = entry.header_offset + _LOCAL_HEADER.size + name_size + extra_size
    return archive.part(start, start + entry.file_size)


def _visible(name: str) -> str:
    """Returns a name without what would steer a terminal, or be no text at all."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()
