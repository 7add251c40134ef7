"""The scan: what a pickle, or a zip with pickles in it, names. Nothing of it is run, and nothing unpacked.

A pickle is a program. The scan reads its instructions and lists what they take from other modules: whoever launches
the model can see before what it would reach for. It refuses nothing, and what it calls clean is not proven to be so:
runners are where pickles run.
"""

from __future__ import annotations

import io
import logging
import pickletools
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

Verdict = Literal["CLEAN", "UNKNOWN", "DANGEROUS", "UNREADABLE"]

MAX_PICKLE_BYTES: Final = 256 << 20  # it is held in memory while it is read
MAX_PICKLES: Final = 100  # of one zip
_MAX_INSTRUCTIONS = 3_000_000  # as many are held in memory
_MAX_ENTRIES = 10_000
_LISTED = 8
_TOO_LONG: Final = f"it has more than {_MAX_INSTRUCTIONS:,} instructions"
_WORST: Final[tuple[Verdict, ...]] = ("DANGEROUS", "UNREADABLE", "UNKNOWN", "CLEAN")
_CODE_WRITERS = {"cloudpickle", "dill"}
_SHOWN_AS = {"posix": "os", "nt": "os", "__builtin__": "builtins"}


@dataclass(slots=True)
class Scan:
    """What was found; `findings` are sentences."""

    verdict: Verdict = "CLEAN"
    findings: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict, finding: str) -> None:
        self.verdict = min(self.verdict, verdict, key=_WORST.index)
        self.findings.append(f"scan: {finding}")


def scan(file: Path, of_type: str) -> Scan:
    """Looks into a file of type "pickle" or "archive". Raises: OSError; ImportError without the package picklescan."""
    from picklescan import scanner  # type: ignore[import-untyped]

    logging.getLogger("picklescan").setLevel(logging.CRITICAL)  # it is told by the findings
    found = Scan()
    if of_type == "archive":
        _scan_zip(file, scanner, found)
    else:
        with file.open("rb") as opened:
            _scan_pickle(opened, file.stat().st_size, file.name, scanner, found)
    if found.verdict == "CLEAN":
        found.findings.append("scan: it names nothing but what is known to do no harm")
    return found


def _scan_pickle(opened: BinaryIO, size: int, name: str, scanner: Any, found: Scan) -> None:
    if size > MAX_PICKLE_BYTES:
        found.add(
            "UNREADABLE", f"{name} has {size:,} bytes; no pickle of more than {MAX_PICKLE_BYTES:,} is looked into"
        )
        return
    content = opened.read(MAX_PICKLE_BYTES + 1)
    if content[:4] == b"PK\x03\x04":
        _scan_entries(io.BytesIO(content), name, scanner, found)
        return
    problem = _problem(content)
    if content and problem is not _TOO_LONG:
        try:
            named = scanner.scan_pickle_bytes(io.BytesIO(content), name).globals
        except Exception as error:  # noqa: BLE001  whatever the bytes do to the scanner
            found.add("UNREADABLE", f"what {name} names cannot be read: {error}"[:300])
        else:
            _judge(named, name, found)
    if problem is not None:
        found.add("UNREADABLE", f"{name} is no pickle that can be read to its end: {problem}")


def _problem(content: bytes) -> str | None:
    """Returns why the instructions cannot be read up to the end of the first pickle."""
    try:
        for number, _ in enumerate(pickletools.genops(content)):
            if number > _MAX_INSTRUCTIONS:
                return _TOO_LONG
    except Exception as error:  # noqa: BLE001  whatever the bytes do to the reader
        return f"{error}"[:200] or type(error).__name__
    return None


def _judge(names: list[Any], file: str, found: Scan) -> None:
    by_safety: dict[str, list[str]] = {}
    writers = {each.module.partition(".")[0] for each in names} & _CODE_WRITERS
    for writer in sorted(writers):
        found.add("DANGEROUS", f"{file} is of {writer} and may bring code of its own, which no scan reads")
    for each in names:
        module = _SHOWN_AS.get(each.module, each.module)
        if module.partition(".")[0] in writers:
            continue
        by_safety.setdefault(each.safety.value, []).append(f"{module}.{each.name}")
    if dangerous := by_safety.get("dangerous"):
        found.add("DANGEROUS", f"{file} names {_listed(dangerous)}, which can do harm when it is loaded")
    if unknown := by_safety.get("suspicious"):
        found.add("UNKNOWN", f"{file} names {_listed(unknown)}, of which nothing is known")


def _scan_zip(file: Path, scanner: Any, found: Scan) -> None:
    with file.open("rb") as opened:
        _scan_entries(opened, file.name, scanner, found)


def _scan_entries(opened: BinaryIO, name: str, scanner: Any, found: Scan) -> None:
    try:
        with zipfile.ZipFile(opened) as zipped:
            entries = zipped.infolist()
            if len(entries) > _MAX_ENTRIES:
                found.add("UNREADABLE", f"{name} has {len(entries):,} entries; no runner unpacks so many")
                return
            sources = [entry.filename for entry in entries if entry.filename.endswith((".py", ".so", ".pyd"))]
            if sources:
                found.add("UNKNOWN", f"{name} holds code that no scan reads: {_listed(sources)}")
            for number, entry in enumerate(_pickles(zipped, entries)):
                if number == MAX_PICKLES:
                    found.add("UNREADABLE", f"{name} holds more than {MAX_PICKLES} pickles; the others were not read")
                    return
                inner = f"{entry.filename} in {name}"
                if entry.file_size > MAX_PICKLE_BYTES:
                    found.add("UNREADABLE", f"{inner} has {entry.file_size:,} bytes; so large a pickle is not read")
                    continue
                with zipped.open(entry) as source:
                    content = source.read(MAX_PICKLE_BYTES + 1)
                if content[:4] == b"PK\x03\x04":
                    found.add("UNKNOWN", f"{inner} is a zip in a zip, which is not looked into")
                    continue
                _scan_pickle(io.BytesIO(content), len(content), inner, scanner, found)
    except (zipfile.BadZipFile, EOFError, zlib.error, ValueError, NotImplementedError, RuntimeError) as error:
        found.add("UNREADABLE", f"{name} is no zip that can be read: {error}")


def _pickles(zipped: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> Iterator[zipfile.ZipInfo]:
    """Yields what is a pickle by its name or by how it begins."""
    for entry in entries:
        if entry.filename.endswith(("/", ".py")):
            continue
        if entry.filename.lower().endswith((".pkl", ".pickle", ".joblib", ".dill")):
            yield entry
            continue
        with zipped.open(entry) as source:
            head = source.read(4)
        if head == b"PK\x03\x04" or (head[:1] == b"\x80" and head[1:2] <= b"\x05"):
            yield entry


def _listed(names: list[str]) -> str:
    each = sorted(set(names))
    more = f" and {len(each) - _LISTED} more" if len(each) > _LISTED else ""
    return f"{', '.join(text[:100] for text in each[:_LISTED])}{more}"
