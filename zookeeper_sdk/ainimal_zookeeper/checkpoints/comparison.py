"""What differs between two checkpoints, by what they say of themselves. Tensors are compared in `tensors`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .manifest import Code, code_document, to_document
from .snapshot import Checkpoint

_FACTS = ("mode", "seeds", "overrides", "environment", "architecture", "libraries", "code", "needsPickle")


@dataclass(frozen=True, slots=True)
class Difference:
    """`before` is None for what was added, `after` for what was removed; both are JSON values."""

    path: tuple[str, ...]
    kind: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`facts`: all that differs besides the parameters, and that was not bound to (time, step, payload)."""

    parameters: tuple[Difference, ...]
    facts: tuple[Difference, ...]


def compare(before: Checkpoint, after: Checkpoint) -> Comparison:
    earlier, later = to_document(before.manifest), to_document(after.manifest)
    return Comparison(
        parameters=differences(before.manifest.parameters, after.manifest.parameters),
        facts=differences({key: earlier[key] for key in _FACTS}, {key: later[key] for key in _FACTS}),
    )


def differences_in_code(saved: Code, running: Code) -> tuple[Difference, ...]:
    """Returns why a checkpoint may not fit into what runs: another model, class, revision, or commit."""
    keys = ("model", "kind", "revision", "commit", "modified")
    before, after = code_document(saved), code_document(running)
    return differences({key: before[key] for key in keys}, {key: after[key] for key in keys})


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Returns what differs between two objects of JSON, in the order of the keys. Lists differ as wholes."""
    return tuple(_differences((), before, after))


def _differences(path: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    found = list[Difference]()
    for key in sorted(before.keys() | after.keys()):
        here = (*path, key)
        if key not in before:
            found.append(Difference(here, "added", after=after[key]))
        elif key not in after:
            found.append(Difference(here, "removed", before=before[key]))
        elif isinstance(before[key], Mapping) and isinstance(after[key], Mapping):
            found.extend(_differences(here, before[key], after[key]))
        elif not _same(before[key], after[key]):
            found.append(Difference(here, "changed", before[key], after[key]))
    return found


def _same(before: Any, after: Any) -> bool:
    """Tells whether two values of JSON are equal. To Python 1 is True; to JSON 1 is 1.0, but not true."""
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        return len(before) == len(after) and all(map(_same, before, after))
    return bool(before == after)
