"""Payload: what lies in the archive of a checkpoint, and how it is read again (docs/checkpoints.md)."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput

from . import archive
from .archive import Entry
from .fault import first_line
from .state import tensors

if TYPE_CHECKING:
    from .state.taking import Taken
    from .state.tensors import Tensor

FORMAT = 2
FACTS = "zoo.json"
SAVED = "saved"
_REST = "rest.pickle"
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


@dataclass(frozen=True, slots=True)
class Part:
    """What was taken of one thing: nodes, tensors, pickles."""

    root: Any
    tensors: Mapping[str, Tensor]
    pickles: memoryview

    def rest(self) -> list[Any]:
        """Returns what was pickled; this runs code of whoever made it. Raises: InvalidInput."""
        found, stream = [], io.BytesIO(self.pickles)
        try:
            while stream.tell() < len(self.pickles):
                found.append(pickle.load(stream))  # noqa: S301 - only in a runner, where user code belongs
        except BaseException as error:
            raise InvalidInput(f"what the checkpoint holds as a pickle cannot be read: {first_line(error)}") from error
        return found


@dataclass(frozen=True, slots=True)
class Payload:
    """facts: zoo.json, empty for one of format 1. folder: what `save` wrote, None without. Parts: None without."""

    facts: Mapping[str, Any]
    folder: Path | None
    model: Part | None
    runner: Part | None


def entries_of(facts: Mapping[str, Any], folder: Path | None, model: Taken | None, runner: Taken | None) -> list[Entry]:
    """Returns the entries of an archive. Raises: OSError; ValueError when `folder` holds too many."""
    entries = []
    if folder is not None:
        entries += [Entry(f"{SAVED}/", None), *archive.entries_of(folder, f"{SAVED}/")]
    for name, taken in (("model", model), ("runner", runner)):
        if taken is not None:
            entries.append(Entry(f"{name}/tensors.safetensors", tensors.layout(taken.tensors)))
            entries.append(Entry(f"{name}/values.json", [json.dumps(taken.root, allow_nan=False).encode()]))
            if taken.pickles:
                entries.append(Entry(f"{name}/{_REST}", list(taken.pickles)))
    said = {"format": FORMAT, "needsPickle": needs_pickle(entries), **facts}
    return [Entry(FACTS, [json.dumps(said, sort_keys=True).encode()]), *entries]


def needs_pickle(entries: list[Entry]) -> bool:
    """Tells whether reading any of the entries may run code out of it."""
    return any(
        is_pickle(entry.source) if isinstance(entry.source, Path) else entry.name.endswith(f"/{_REST}")
        for entry in entries
    )


def read(file: Path, folder: Path) -> Payload:
    """Reads an archive; what `save` wrote is unpacked into `folder` unless that is there already.

    Raises: DataCorrupt when it is damaged, or of a format that this version does not know.
    """
    inside = archive.look_into(file)
    facts = _facts(inside)
    if not facts:
        _unpack(file, folder, "")
        return Payload({}, folder, None, None)
    saved = f"{SAVED}/" in inside
    if saved:
        _unpack(file, folder, f"{SAVED}/")
    return Payload(facts, folder if saved else None, _part(inside, "model"), _part(inside, "runner"))


def is_pickle(file: Path) -> bool:
    """Tells whether a file, whatever its name, is a pickle, or what torch.save makes around one."""
    with file.open("rb") as opened:
        head = opened.read(4096)
    return head.startswith(_PICKLES) or (head.startswith(b"PK") and b"data.pkl" in head)


def _unpack(file: Path, folder: Path, below: str) -> None:
    if not folder.exists():
        folder.mkdir()
        archive.unpack(file, folder, below=below)


def _facts(inside: Mapping[str, memoryview]) -> dict[str, Any]:
    """Returns what zoo.json says; nothing where there is none of ours."""
    if FACTS not in inside:
        return {}
    try:
        facts = json.loads(bytes(inside[FACTS]))
    except ValueError:
        return {}
    if not isinstance(facts, dict) or not isinstance(facts.get("format"), int) or "needsPickle" not in facts:
        return {}
    if not 2 <= facts["format"] <= FORMAT:
        raise DataCorrupt(
            f"the checkpoint is of format {facts['format']}, and this version of ainimal-zookeeper reads formats 1 to "
            f"{FORMAT}; install the version that saved it, or a newer one"
        )
    return facts


def _part(inside: Mapping[str, memoryview], name: str) -> Part | None:
    values, data = inside.get(f"{name}/values.json"), inside.get(f"{name}/tensors.safetensors")
    if values is None or data is None:
        return None
    try:
        root = json.loads(bytes(values))
    except (ValueError, RecursionError) as error:
        raise DataCorrupt(f"the checkpoint's {name}/values.json cannot be read: {error}") from error
    return Part(root, tensors.parse(data), inside.get(f"{name}/{_REST}", memoryview(b"")))
