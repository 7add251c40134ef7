"""What a runner says of a state that it has saved or gone back to, or could not, read from JSON that is trusted in
nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ainimal_zookeeper.domain.documents import RestoreAnswer, SaveKind
from ainimal_zookeeper.domain.errors import InvalidInput

MAX_FACTS_BYTES = 100_000  # seeds and libraries go into the manifest of each checkpoint

_KINDS = ("ASKED", "AUTOSAVE", "DEPARTURE", "RECORDING")
_REQUEST = re.compile(r"sav_[a-z0-9_]{1,64}\Z")
_RECORDING = re.compile(r"rec_[a-z0-9_]{1,64}\Z")
_RESTORE = re.compile(r"res_[a-z0-9_]{1,64}\Z")

Where = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """A state was saved. `id`: the request that it answers; runners of older versions save only when they leave.

    architecture: what the model is made of by now; None: as its manifest says. recording: the one that begins with it.
    """

    id: str | None = None
    kind: SaveKind = "DEPARTURE"
    seeds: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    needs_pickle: bool = False
    architecture: Mapping[str, Any] | None = None
    recording: str | None = None
    overrides: tuple[Mapping[str, Any], ...] = ()  # rules beneath which it was saved


@dataclass(frozen=True, slots=True)
class NotSaved:
    """The request `id` could not be met."""

    id: str
    code: str
    message: str


def read(value: Any, path: Where, *, has_checkpoint: bool) -> Saved | NotSaved | None:
    """Returns what is said; None where nothing is. Raises: InvalidInput."""
    if value is None:
        return Saved() if has_checkpoint else None
    if not isinstance(value, dict):
        raise InvalidInput(f"is {value!r:.100}, not an object", path)
    request = value.get("id")
    if request is not None and not (isinstance(request, str) and _REQUEST.match(request)):
        raise InvalidInput(f"{request!r:.100} is the id of no request to save", (*path, "id"))
    if not has_checkpoint:
        if request is None:
            raise InvalidInput("a save that failed must name the request that it would have met", (*path, "id"))
        return NotSaved(request, _text(value, "code", path)[:64], _text(value, "message", path)[:4_096])
    kind = value.get("kind")
    if kind not in _KINDS or (kind == "ASKED") != (request is not None):
        raise InvalidInput(
            f"{kind!r:.100} is none of {', '.join(_KINDS)}; ASKED comes with the id of a request", (*path, "kind")
        )
    seeds, libraries = _facts(value, "seeds", path), _facts(value, "libraries", path)
    if not all(isinstance(version, str) for version in libraries.values()):
        raise InvalidInput("holds a version that is no text", (*path, "libraries"))
    needs_pickle = value.get("needsPickle", False)
    if not isinstance(needs_pickle, bool):
        raise InvalidInput(f"is {needs_pickle!r:.100}, not true or false", (*path, "needsPickle"))
    architecture = _facts(value, "architecture", path) or None
    recording = value.get("recording")
    if (kind == "RECORDING") != (isinstance(recording, str) and _RECORDING.match(recording) is not None):
        raise InvalidInput(f"{recording!r:.100} is the id of no recording that begins with it", (*path, "recording"))
    overrides = _facts({"overrides": {"of": value.get("overrides") or []}}, "overrides", path)["of"]
    if not isinstance(overrides, list) or not all(isinstance(rule, dict) for rule in overrides):
        raise InvalidInput("is no list of rules", (*path, "overrides"))
    rules = tuple(overrides)
    return Saved(request, cast(SaveKind, kind), seeds, libraries, needs_pickle, architecture, recording, rules)


def restore(value: Any, path: Where) -> RestoreAnswer | None:
    """Returns what is said of going back to a checkpoint; None where nothing is. Raises: InvalidInput."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidInput(f"is {value!r:.100}, not an object", path)
    request, timeline = restore_id(value.get("id"), (*path, "id")), value.get("timeline")
    if timeline is None:
        failure = {"code": _text(value, "code", path)[:64], "message": _text(value, "message", path)[:4_096]}
        return {"id": request, "timeline": None, "failure": failure}
    if type(timeline) is not int:
        raise InvalidInput(f"{timeline!r:.100} is the number of no timeline", (*path, "timeline"))
    return {"id": request, "timeline": timeline, "failure": None}


def restore_id(value: Any, path: Where) -> str:
    """Returns the id of a request to restore. Raises: InvalidInput."""
    if not (isinstance(value, str) and _RESTORE.match(value)):
        raise InvalidInput(f"{value!r:.100} is the id of no request to restore", path)
    return value


def _facts(value: Mapping[str, Any], key: str, path: Where) -> dict[str, Any]:
    given = {} if value.get(key) is None else value[key]
    if not isinstance(given, dict):
        raise InvalidInput(f"is {given!r:.100}, not an object", (*path, key))
    try:
        text = json.dumps(given, allow_nan=False)
    except ValueError:
        raise InvalidInput("holds a number that is not finite", (*path, key)) from None
    if len(text) > MAX_FACTS_BYTES:
        raise InvalidInput(f"takes {len(text)} bytes, more than {MAX_FACTS_BYTES}; leave something out", (*path, key))
    return cast("dict[str, Any]", json.loads(text.encode("utf-8", "replace")))


def _text(value: Mapping[str, Any], key: str, path: Where) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise InvalidInput(f"is {text!r:.100}, not a text", (*path, key))
    return text.encode("utf-8", "replace").decode()
