"""What the API refuses, raised here as the same error that the zoo raised there."""

from __future__ import annotations

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


def refusal(
    code: str | None, message: str, path: Sequence[str] = (), retry_after_s: float = 1.0
) -> errors.ZookeeperError:
    """Returns the error that `code` stands for; what the API itself could not name is a plain ZookeeperError."""
    maker = ERRORS.get(code or "")
    if maker is None:
        return errors.ZookeeperError(message)
    return maker(message, tuple(path), retry_after_s)


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
