"""Overrides: rules that stand on the signals of an instance, seen and made from outside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ainimal_zookeeper.domain.errors import InvalidInput, NotFound

from . import documents
from .endpoint import Endpoint
from .refusals import raise_user_errors
from .signals import decode, encode
from .tables import Table

_TEXT = 40  # characters of a value in a table


@dataclass(frozen=True, slots=True)
class Override:
    """What the zoo says of one rule. It stays as it was when it was asked for."""

    id: str
    path: str
    rule: str
    """set, clamp, scale, blend or patch."""
    value: Any
    """What is put in place, or the factor; arrays as `numpy.ndarray` (nested lists without NumPy)."""
    low: Any
    high: Any
    weight: float | None
    index: tuple[int, ...] | None
    """The one element that it is about; None: all."""
    applied_at_step: int | None
    """The step after which it began to hold; None until its runner has said so."""
    expires_at_step: int | None
    expires_at: str | None
    author: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """As the API answered it."""

    @property
    def terms(self) -> str:
        """What it does, in a few words: "set to 0.5 at [1]"."""
        patch = self.document["patch"]
        if patch is not None:
            text = f"patch from step {patch['fromStep']:.0f} of {patch['recordingId']}"
        elif self.rule == "clamp":
            bounds = [("from", self.low), ("to", self.high)]
            text = " ".join(["clamp", *(f"{word} {_short(each)}" for word, each in bounds if each is not None)])
        elif self.rule == "blend":
            text = f"blend with {_short(self.value)} by {self.weight:g}"
        else:
            text = f"{self.rule} {'by' if self.rule == 'scale' else 'to'} {_short(self.value)}"
        return text if self.index is None else f"{text} at {list(self.index)}"


def set_override(endpoint: Endpoint, instance_id: str, path: str, rule: str, terms: Mapping[str, Any]) -> Override:
    """Lets a rule stand. `terms` are keys of an `OverrideSetInput`, with values as Python has them."""
    given = {
        name: _encoded(value, name) if name in {"value", "low", "high"} else value
        for name, value in terms.items()
        if value is not None
    }
    wanted = {"instanceId": instance_id, "path": path, "rule": rule.upper(), **given}
    answer = endpoint.ask(documents.OVERRIDE_SET, input=wanted)["overrideSet"]
    raise_user_errors(answer)
    return read_override(answer["override"])


def overrides_of(endpoint: Endpoint, instance_id: str, name: str) -> Table[Override]:
    """Returns the rules that stand on an instance. Raises: NotFound."""
    answer = endpoint.ask(documents.OVERRIDES, id=instance_id)["instance"]
    if answer is None:
        raise NotFound(f"instance {name} ({instance_id}) is no longer there")
    return table_of(map(read_override, answer["overrides"]))


def patch_of(recording: str | None, path: str | None, from_step: int | None) -> dict[str, Any] | None:
    """Returns a `PatchInput`; None where nothing is taken from a recording. Raises: InvalidInput."""
    if recording is None and path is None and from_step is None:
        return None
    if recording is None or from_step is None:
        raise InvalidInput("a patch needs the recording, and the step of it to begin with", ("patch",))
    return {"recordingId": recording, "path": path, "fromStep": float(from_step)}


def read_override(row: Mapping[str, Any]) -> Override:
    index: Sequence[int] | None = row["index"]
    return Override(
        id=row["id"],
        path=row["path"],
        rule=row["rule"].lower(),
        value=decode(row["value"]),
        low=decode(row["low"]),
        high=decode(row["high"]),
        weight=row["weight"],
        index=None if index is None else tuple(index),
        applied_at_step=_whole(row["appliedAtStep"]),
        expires_at_step=_whole(row["expiresAtStep"]),
        expires_at=row["expiresAt"],
        author=(row["author"] or {}).get("name", ""),
        document=row,
    )


def table_of(rows: Iterable[Override]) -> Table[Override]:
    return Table(
        rows,
        {
            "path": lambda override: override.path,
            "rule": lambda override: override.terms,
            "since step": lambda override: override.applied_at_step,
            "until step": lambda override: override.expires_at_step,
            "until": lambda override: override.expires_at,
            "author": lambda override: override.author,
            "id": lambda override: override.id,
        },
    )


def _encoded(value: Any, name: str) -> Any:
    """Returns a value as the API takes it: also numbers that JSON has not."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, (list, tuple)):
        return [_encoded(each, name) for each in value]
    return encode(value, (name,))


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _short(value: Any) -> str:
    shape = getattr(value, "shape", None)
    text = f"{value.dtype}{list(shape)}" if shape and getattr(value, "size", 0) > 8 else str(value)
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}..."
