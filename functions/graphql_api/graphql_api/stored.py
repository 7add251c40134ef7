"""Stored texts that runners brought: what of them can be shown.

An earlier version, or a hand, may have written them otherwise than this one does. A list of twenty instances must not
fail for one of them: what cannot be read counts as absent, and the log names it once.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

_log = logging.getLogger(__name__)

_KINDS = frozenset({"IMAGE", "VECTOR", "SCALAR", "DISCRETE", "MULTI_DISCRETE", "TEXT", "AUDIO", "TREE"})
_LAYOUTS = frozenset({None, "HWC", "CHW"})
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_LAST_SECOND = 253_402_300_799  # of the year 9999

Check = Callable[[Any], bool]


def manifest(text: str, id: str) -> dict[str, Any]:
    """Returns what can be shown of the manifest of `id`; NaN and infinities appear as such."""
    read = _parsed(text, dict, "manifest", id)
    shown: dict[str, Any] = {}
    for key, check in _MANIFEST.items():
        if key in read and (read[key] is None or check(read[key])):
            shown[key] = read[key]
        elif key in read:
            _say(f"{key} of the manifest", id)
    if shown.get("signals"):
        shown["signals"] = _those(_is_signal, shown["signals"], "signal of the manifest", id)
    return shown


def architecture(read: Any, id: str) -> dict[str, Any] | None:
    """Returns the architecture that the manifest of the commit `id` has, where it can be shown."""
    if read is None or _MANIFEST["architecture"](read):
        shown: dict[str, Any] | None = read
        return shown
    _say("architecture of the manifest", id)
    return None


def series(text: str, id: str) -> list[dict[str, Any]]:
    """Returns those histories of scalars of `id` whose columns are whole."""
    return _those(_is_history, _parsed(text, list, "series", id), "history of the series", id)


def parameters(text: str, id: str) -> dict[str, Any]:
    """Returns the parameters that `id` was launched with."""
    read: dict[str, Any] = _parsed(text, dict, "parameters", id)
    return read


def _parsed(text: Any, kind: type, what: str, id: str) -> Any:
    try:
        read = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        read = None
    if isinstance(read, kind):
        return read
    _say(what, id)
    return kind()


def _those(check: Check, values: list[Any], what: str, id: str) -> list[Any]:
    kept = [value for value in values if check(value)]
    if len(kept) < len(values):
        _say(f"a {what}", id)
    return kept


@lru_cache(maxsize=4096)
def _say(what: str, id: str) -> None:
    """Logs it; the cache holds what has been said."""
    _log.warning("cannot read %s of %s; it is shown as absent", what, id, extra={"resource_id": id})


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_flag(value: Any) -> bool:
    return type(value) is bool


def _is_whole(value: Any) -> bool:
    return type(value) is int and -(2**31) <= value < 2**31


def _is_number(value: Any) -> bool:
    # A whole number of JSON may be too large for a float.
    return (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < 2**1000)


def _list_of(check: Check) -> Check:
    return lambda value: type(value) is list and all(map(check, value))


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _object_of(fields: Mapping[str, Check]) -> Check:
    return lambda value: type(value) is dict and all(check(value.get(key)) for key, check in fields.items())


def _is_history(value: Any) -> bool:
    if type(value) is not dict or not _is_text(value.get("path")) or not _is_whole(value.get("timeline")):
        return False
    keys = ("steps", "times", "mean", "min", "max", *(("counts",) if value.get("counts") is not None else ()))
    columns = [value.get(key) for key in keys]
    if any(type(column) is not list for column in columns) or len({len(column) for column in columns}) != 1:  # type: ignore[arg-type]
        return False
    return all((_are_values if key in {"mean", "min", "max"} else _are_counted)(value[key]) for key in keys)


def _are_values(column: list[Any]) -> bool:
    return all(
        each is None or type(each) is float or _is_number(each) or (type(each) is str and each in _NOT_FINITE)
        for each in column
    )


def _are_counted(column: list[Any]) -> bool:
    """Steps, seconds and numbers of values: all from 0 to what a date can be."""
    return set(map(type, column)) <= {int, float} and all(0 <= each <= _LAST_SECOND for each in column)


_is_texts = _or_none(_list_of(_is_text))
_is_modality = _object_of(
    {
        "name": _is_text,
        "kind": lambda value: type(value) is str and value in _KINDS,
        "shape": _list_of(_or_none(_is_whole)),
        "dtype": _is_text,
        "labels": _is_texts,
        "names": _is_texts,
        "unit": _or_none(_is_text),
        "layout": lambda value: value is None or (type(value) is str and value in _LAYOUTS),
        "maxDelta": _or_none(_is_number),
    }
)
_is_signal = _object_of(
    {
        "path": _is_text,
        "modality": _is_modality,
        "observable": _is_flag,
        "overridable": _is_flag,
        "reason": _or_none(_is_text),
    }
)
_is_layer = _object_of(
    {
        "id": _is_text,
        "name": _is_text,
        "type": _is_text,
        "parameterCount": _is_number,
        "outputShape": _or_none(_list_of(_or_none(_is_whole))),
    }
)
_MANIFEST: Mapping[str, Check] = {
    "inputs": _list_of(_is_modality),
    "outputs": _list_of(_is_modality),
    "trainable": _is_flag,
    "findings": _list_of(_is_text),
    "signals": lambda value: type(value) is list,
    "architecture": _object_of(
        {
            "nodes": _list_of(_is_layer),
            "edges": _list_of(_object_of({"source": _is_text, "target": _is_text})),
            "parameterCount": _is_number,
        }
    ),
}
