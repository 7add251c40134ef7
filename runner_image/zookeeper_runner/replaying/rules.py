"""RecordedRules: lets stand what stood while it was recorded, from the same steps on to the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ainimal_zookeeper.domain.documents import Desired, OverrideDoc
from ainimal_zookeeper.modality import decoded

from ..loop import Ruled
from ..overrides.rule import Values
from .tape import Tape

_FIELDS = frozenset(OverrideDoc.__annotations__)


class RecordedRules:
    """Stands before those who heed what is desired (`loop.Ruled`), and adds the rules that were recorded.

    They hold until the record says otherwise: none expires by its own count or by the clock. done: groups of paths
    whose recorded values have been through the rules on them. step: how many steps were made.
    """

    def __init__(
        self, ruled: Ruled, tape: Tape, done: frozenset[str], step: Callable[[], int],
        warn: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._ruled = ruled
        self._tape = tape
        self._done = done
        self._step = step
        self._warn = warn
        self._standing: dict[str, OverrideDoc] = {}
        self._heard: int | None = None

    def values(self, document: OverrideDoc) -> Values | None:
        """Returns what a PATCH that was recorded puts in place; None for another one."""
        return _Patched(self._tape, document["id"], self._step) if document["id"] in self._standing else None

    def heed(self, desired: Desired) -> float | None:
        """Lets stand what stood after the step that was made last, and what is desired."""
        step = self._step()
        if self._heard is None or step < self._heard:
            self._standing.clear()
            self._heard = self._tape.first - 2
        for number in range(self._heard + 1, step + 1):
            for event in self._tape.events(number):
                self._hear(event["kind"], event["data"])
        self._heard = step
        rules = [*self._standing.values(), *(desired.get("overrides") or ())]
        return self._ruled.heed({**desired, "overrides": rules})

    def _hear(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "override" and data["rule"] == "PATCH" and not self._tape.has_patches:
            self._warn(
                f"the rule on {data['path']} is left out: what it took from another recording is not in this one"
            )
        elif kind == "override" and data["path"].partition(".")[0] not in self._done:
            rule = {**{name: data[name] for name in _FIELDS if name in data}, "expiresAt": None, "expiresInSteps": None}
            self._standing[rule["id"]] = cast(OverrideDoc, rule)
        elif kind == "override.ended":
            self._standing.pop(data["id"], None)


class _Patched:
    """What a rule took from another recording: by how many steps after its first one (`overrides.rule.Values`)."""

    def __init__(self, tape: Tape, rule: str, step: Callable[[], int]) -> None:
        self._tape = tape
        self._rule = rule
        self._step = step
        self._first: int | None = None

    def __call__(self, at: int) -> Any:
        if self._first is None:  # it is asked before the next step is made, for that one
            self._first = self._step() + 1 - at
        found = self._tape.patched(self._first + at, self._rule)
        return found if found is None or isinstance(found, str) else decoded(self._rule, found)
