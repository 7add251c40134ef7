"""What a runner says of how far its replay equals what was recorded, read from JSON that is trusted in nothing."""

from __future__ import annotations

from typing import Any

from ainimal_zookeeper.domain.documents import Divergence, ReplayReport
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.paths import is_path

Where = tuple[str, ...]


def report(value: Any, path: Where) -> ReplayReport:
    """Raises: InvalidInput."""
    given = _object(value, path)
    identical, first = given.get("identical"), given.get("first")
    if not isinstance(identical, bool) or identical != (first is None):
        raise InvalidInput(
            f"is {identical!r:.100}; it must be true without a first difference, and false with one",
            (*path, "identical"),
        )
    compared = _whole(given.get("comparedSteps"), (*path, "comparedSteps"))
    return {
        "comparedSteps": compared,
        "identical": identical,
        "first": None if first is None else _divergence(_object(first, (*path, "first")), (*path, "first")),
    }


def _divergence(given: dict[str, Any], path: Where) -> Divergence:
    signal, magnitude = given.get("path"), given.get("magnitude")
    if not isinstance(signal, str) or not is_path(signal):
        raise InvalidInput(f"{signal!r:.100} is no path of a signal", (*path, "path"))
    if type(magnitude) is not float:
        raise InvalidInput(f"is {magnitude!r:.100}, not a float", (*path, "magnitude"))
    return {"step": _whole(given.get("step"), (*path, "step")), "path": signal, "magnitude": magnitude}


def _object(value: Any, path: Where) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"is {value!r:.100}, not an object", path)
    return value


def _whole(value: Any, path: Where) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise InvalidInput(f"is {value!r:.100}, not a whole number from 0", path)
    return value
