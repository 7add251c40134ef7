"""What the API refuses, raised here as the same error that the zoo raised there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ainimal_zookeeper.domain import errors

_Maker = Callable[[str, tuple[str, ...], float], errors.ZookeeperError]


def _plain(kind: type[errors.ZookeeperError]) -> _Maker:
    return lambda message, _path, _retry_after_s: kind(message)


ERRORS: Mapping[str, _Maker] = {
    "NOT_FOUND": _plain(errors.NotFound),
    "ALREADY_EXISTS": _plain(errors.AlreadyExists),
    "INVALID_INPUT": lambda message, path, _retry_after_s: errors.InvalidInput(message, path),
    "INVALID_TRANSITION": _plain(errors.InvalidTransition),
    "UNAUTHENTICATED": _plain(errors.Unauthenticated),
    "PERMISSION_DENIED": _plain(errors.PermissionDenied),
    "LIMIT_REACHED": _plain(errors.LimitReached),
    "RATE_LIMITED": lambda message, _path, retry_after_s: errors.RateLimited(message, retry_after_s),
    "CONFLICT": _plain(errors.Conflict),
    "CONTROL_HELD": _plain(errors.ControlHeld),
    "UNAVAILABLE": lambda message, _path, retry_after_s: errors.Transient(message, retry_after_s),
    "DATA_CORRUPT": _plain(errors.DataCorrupt),
    "AINIMAL_FAULT": _plain(errors.AInimalFault),
    "ENV_FAULT": _plain(errors.EnvFault),
}
"""One entry for each value of the schema's ErrorCode."""


# What GraphQL's own checks of values say.
_VARIABLE = re.compile(r"Variable '\$\w+' has invalid value(?: at (\S+))?: (.*)", re.DOTALL)
_TOO_LARGE = re.compile(r"Int cannot represent non 32-bit signed integer value: (.*)")
_PART = re.compile(r"[^.\[\]]+")


def refusal(
    code: str | None, message: str, path: Sequence[str] = (), retry_after_s: float = 1.0
) -> errors.ZookeeperError:
    """Returns the error that `code` stands for; what the API itself could not name is a plain ZookeeperError."""
    maker = ERRORS.get(code or "")
    if maker is None:
        return errors.ZookeeperError(message)
    return maker(message, tuple(path), retry_after_s)


def misfit(messages: Sequence[str], url: str) -> errors.InvalidInput:
    """Returns the error of a request that the API refused before it looked at the zoo: a value is of another type."""
    found = [_VARIABLE.fullmatch(message) for message in messages]
    told = [_sentence(*match.groups()) for match in found if match is not None]
    if not told:
        said = "; ".join(messages)
        return errors.InvalidInput(
            f"{url} does not understand the request; is it a zoo of this version? It said: {said}"
        )
    places = [match[1] for match in found if match is not None]
    return errors.InvalidInput("; ".join(told), tuple(_parts(places[0])))


def _sentence(place: str | None, reason: str) -> str:
    number = _TOO_LARGE.fullmatch(reason)
    if number is not None:
        reason = f"{number[1]} is too large; give a whole number from {-(2**31)} to {2**31 - 1}"
    return ": ".join([*([".".join(_parts(place))] if place else []), reason])


def _parts(place: str | None) -> list[str]:
    return _PART.findall(place or "")


def raise_user_errors(payload: Mapping[str, Any]) -> None:
    """Raises the first of a mutation's `userErrors`, with the messages of all."""
    problems = payload["userErrors"]
    if not problems:
        return
    first = problems[0]
    raise refusal(
        first["code"],
        "; ".join(problem["message"] for problem in problems),
        first.get("path") or (),
        first.get("retryAfterSeconds") or 1.0,
    )
