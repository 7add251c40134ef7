"""Patches: what rules put in place of values, from recordings, which come while the steps go on."""

from __future__ import annotations

import _thread
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from ainimal_zookeeper.domain.documents import OverrideDoc
from ainimal_zookeeper.domain.errors import NotFound
from ainimal_zookeeper.domain.overrides import Patch, terms_of

from ..bell import Bell
from .rule import Values

if TYPE_CHECKING:
    from ainimal_zookeeper.recording.recording import Recording

MAX_BYTES = 64 << 20  # of the values of one rule
MAX_STEPS = 1_000_000


class Access(Protocol):
    """The runner link, as far as it is needed."""

    def patch(self, override_id: str, /) -> Mapping[str, Any]:
        """Returns `baseUrl` and `headers` of the recording that a rule names."""
        ...


class Patches:
    """Reads each recording once, in a thread of its own. `values` from the step thread."""

    def __init__(self, access: Access, bell: Bell) -> None:
        self._access = access
        self._bell = bell
        self._coming: set[str] = set()
        self._found: dict[str, Values | BaseException] = {}

    def values(self, document: OverrideDoc) -> Values | None:
        """Returns what a PATCH puts in place; None while it is on its way: then the bell is rung when it is there.

        Raises: what reading the recording has raised.
        """
        found = self._found.pop(document["id"], None)
        if isinstance(found, BaseException):
            raise found
        if found is None and document["id"] not in self._coming:
            self._coming.add(document["id"])
            # Not Thread.start, which waits until the thread runs: the step would wait with it.
            _thread.start_new_thread(self._read, (document,))
        elif found is not None:
            self._coming.discard(document["id"])
        return found

    def _read(self, document: OverrideDoc) -> None:
        try:
            self._found[document["id"]] = _fetched(self._access.patch(document["id"]), document)
        except BaseException as error:  # noqa: BLE001 - whoever set the rule is told, whatever it is
            self._found[document["id"]] = error
        self._bell.ring()


def _fetched(access: Mapping[str, Any], document: OverrideDoc) -> Values:
    from ainimal_zookeeper.recording.recording import Recording
    from ainimal_zookeeper.recording.sources import Ranges

    patch = terms_of(document).patch
    if patch is None:
        raise NotFound(f"the rule {document['id']} names no recording")
    source = Ranges(access["baseUrl"], access["headers"])
    try:
        return values_of(Recording.open(source), patch, patch.path or document["path"])
    finally:
        source.close()


def values_of(recording: Recording, patch: Patch, path: str) -> Values:
    """Returns the values of `path` from a step on, of the newest timeline that has it; where one is absent, the one
    before. At most 64 MiB of them, or a million steps. Raises: NotFound without any; DataCorrupt; Rejected, Transient.
    """
    signal = next((each for each in recording.signals if each.path == path), None)
    size = 8 if signal is None else 8 * max(1, math.prod(length or 1 for length in signal.shape))
    last = patch.from_step + max(1, min(MAX_STEPS, MAX_BYTES // size)) - 1
    found = recording.read(path, patch.from_step, last)
    first = found.timelines[found.steps == patch.from_step]
    timelines = first if len(first) else found.timelines
    if not len(timelines):
        raise NotFound(f"{patch.recording_id} has no {path} from step {patch.from_step:,} on")
    rows = np.flatnonzero(found.timelines == timelines.max())
    steps = found.steps[rows]

    def value(at: int) -> Any:
        step = patch.from_step + at
        if step > steps[-1]:
            return None
        row = max(0, int(np.searchsorted(steps, step, "right")) - 1)
        return found.values[int(rows[row])]

    return value
