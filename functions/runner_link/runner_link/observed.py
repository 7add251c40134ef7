"""What a runner saw: manifest, series and picture, checked so that every page which shows them can.

What is stored here is read with the catalogue and the list of instances: one runner that lies must not break those.
"""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.paths import is_path

MAX_THUMBNAIL_BYTES = 256 * 1024
MAX_SERIES = 1_000  # of all timelines together
MAX_TEXT = 4_096
MAX_NAME = 256
MAX_REASON = 500

_KINDS = ("IMAGE", "VECTOR", "SCALAR", "DISCRETE", "MULTI_DISCRETE", "TEXT", "AUDIO", "TREE")
_LAYOUTS = ("HWC", "CHW")
_ENCODINGS = ("RAW", "JPEG")
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_LAST_SECOND = 253_402_300_799  # of the year 9999
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z\Z", re.ASCII)

Where = tuple[str, ...]


def manifest(value: Any, path: Where) -> dict[str, Any]:
    """Returns what is known of a `Manifest`; keys may be absent. Raises: InvalidInput."""
    given = _object(value, path)
    return {key: check(given[key], (*path, key)) for key, check in _MANIFEST.items() if key in given}


def series(value: Any, path: Where) -> list[dict[str, Any]]:
    """Returns histories of scalars as `SeriesDoc.seriesJson` holds them. Raises: InvalidInput."""
    given = _list(value, path)
    if len(given) > MAX_SERIES:
        raise InvalidInput(f"has {len(given)} histories; send at most {MAX_SERIES}", path)
    return [_history(one, (*path, str(number))) for number, one in enumerate(given)]


def thumbnail(value: Any, path: Where) -> dict[str, Any]:
    """Returns a picture but for its owner. Raises: InvalidInput."""
    given = _object(value, path)
    data = given.get("data")
    if not isinstance(data, str) or len(data) > MAX_THUMBNAIL_BYTES:
        raise InvalidInput(f"must be base64 of at most {MAX_THUMBNAIL_BYTES} characters", (*path, "data"))
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise InvalidInput(f"is no base64: {error}", (*path, "data")) from error
    shape = given.get("shape")
    if not isinstance(shape, list) or not 1 <= len(shape) <= 4 or not all(_is_count(size) for size in shape):
        raise InvalidInput(f"{shape!r:.100} is no shape of a picture", (*path, "shape"))
    return {
        "path": _text(given.get("path"), (*path, "path"), MAX_NAME),
        "step": _step(given.get("step", 0), (*path, "step")),
        "dtype": _text(given.get("dtype", "uint8"), (*path, "dtype"), 16),
        "shape": shape,
        "encoding": _one_of(_ENCODINGS)(given.get("encoding"), (*path, "encoding")),
        "data": data,
    }


def moment(value: Any, path: Where) -> str:
    """Returns a moment in UTC as text. Raises: InvalidInput."""
    if not isinstance(value, str) or not _MOMENT.match(value):
        raise InvalidInput(f"{value!r:.100} is no moment; send one such as 2030-01-01T12:00:00.000000Z", path)
    return value


def _modalities(value: Any, path: Where) -> list[dict[str, Any]]:
    return [_modality(one, (*path, str(number))) for number, one in enumerate(_list(value, path))]


def _modality(value: Any, path: Where) -> dict[str, Any]:
    given = _object(value, path)
    return {key: check(given.get(key), (*path, key)) for key, check in _MODALITY.items()}


def _signals(value: Any, path: Where) -> list[dict[str, Any]]:
    return [_signal(one, (*path, str(number))) for number, one in enumerate(_list(value, path))]


def _signal(value: Any, path: Where) -> dict[str, Any]:
    given = _object(value, path)
    signal: dict[str, Any] = {
        "path": _path(given.get("path"), (*path, "path")),
        "modality": _modality(given.get("modality"), (*path, "modality")),
        "observable": _flag(given.get("observable", True), (*path, "observable")),
        "overridable": _flag(given.get("overridable", False), (*path, "overridable")),
    }
    if given.get("reason") is not None:
        signal["reason"] = _text(given["reason"], (*path, "reason"), MAX_REASON)
    return signal


def _history(value: Any, path: Where) -> dict[str, Any]:
    given = _object(value, path)
    columns = {key: _list(given.get(key), (*path, key)) for key in ("steps", "times", "mean", "min", "max")}
    if given.get("counts") is not None:
        columns["counts"] = _list(given["counts"], (*path, "counts"))
    for key, column in columns.items():
        if len(column) != len(columns["steps"]):
            raise InvalidInput(f"has {len(column)} elements and steps {len(columns['steps'])}", (*path, key))
        if not (_are_values(column) if key in {"mean", "min", "max"} else _are_counted(column)):
            raise InvalidInput("holds something that is no number", (*path, key))
    timeline = given.get("timeline")
    if not _is_count(timeline):
        raise InvalidInput(f"is {timeline!r:.100}, not the number of a timeline", (*path, "timeline"))
    return {"path": _path(given.get("path"), (*path, "path")), "timeline": timeline, **columns}


def _are_values(column: list[Any]) -> bool:
    kinds = set(map(type, column))
    if not kinds <= {int, float, str, type(None)}:
        return False
    if str in kinds and not _NOT_FINITE.issuperset(each for each in column if type(each) is str):
        return False
    # A whole number of JSON may be too large for a float, and then for every chart.
    return int not in kinds or all(abs(each) < 2**1000 for each in column if type(each) is int)


def _are_counted(column: list[Any]) -> bool:
    """Steps, seconds and numbers of values: all from 0 to what a date can be."""
    return set(map(type, column)) <= {int, float} and all(0 <= each <= _LAST_SECOND for each in column)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _step(value: Any, path: Where) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise InvalidInput(f"is {value!r:.100}, not a whole number from 0", path)
    return value


def _shape(value: Any, path: Where) -> list[int | None]:
    if not isinstance(value, list) or not all(size is None or _is_count(size) for size in value):
        raise InvalidInput(f"{value!r:.100} is no shape", path)
    return value


def _path(value: Any, path: Where) -> str:
    if not isinstance(value, str) or not is_path(value):
        raise InvalidInput(f"{value!r:.100} is no path of a signal", path)
    return value


def _paths(value: Any, path: Where) -> list[str]:
    return [_path(one, path) for one in _list(value, path)]


def _text(value: Any, path: Where, most: int = MAX_TEXT) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"is {value!r:.100}, not a text", path)
    return value[:most]


def _texts(value: Any, path: Where) -> list[str]:
    return [_text(one, path) for one in _list(value, path)]


def _name(value: Any, path: Where) -> str:
    return _text(value, path, MAX_NAME)


def _flag(value: Any, path: Where) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"is {value!r:.100}, neither true nor false", path)
    return value


def _number(value: Any, path: Where) -> float:
    if type(value) not in {int, float} or not abs(value) < math.inf or abs(value) >= 2**1000:
        raise InvalidInput(f"is {value!r:.100}, not a finite number", path)
    return float(value)


def _anything(value: Any, _: Where) -> Any:
    return value


def _one_of(names: tuple[str, ...]) -> Callable[[Any, Where], str]:
    def check(value: Any, path: Where) -> str:
        if value not in names:
            raise InvalidInput(f"{value!r:.100} is none of {', '.join(names)}", path)
        return str(value)

    return check


def _or_none(check: Callable[[Any, Where], Any]) -> Callable[[Any, Where], Any]:
    return lambda value, path: None if value is None else check(value, path)


def _object(value: Any, path: Where) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"is {value!r:.100}, not an object", path)
    return value


def _list(value: Any, path: Where) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidInput(f"is {value!r:.100}, not a list", path)
    return value


_MODALITY: Mapping[str, Callable[[Any, Where], Any]] = {
    "name": _name,
    "kind": _one_of(_KINDS),
    "shape": _shape,
    "dtype": _name,
    "low": _anything,
    "high": _anything,
    "neutral": _anything,
    "labels": _or_none(_texts),
    "names": _or_none(_texts),
    "unit": _or_none(_name),
    "layout": _or_none(_one_of(_LAYOUTS)),
    "maxDelta": _or_none(_number),
}
_MANIFEST: Mapping[str, Callable[[Any, Where], Any]] = {
    "inputs": _modalities,
    "outputs": _modalities,
    "signals": _signals,
    "architecture": _or_none(_object),
    "trainable": _flag,
    "findings": _texts,
    "previewPaths": _paths,
    "frameRate": _or_none(_number),
}
