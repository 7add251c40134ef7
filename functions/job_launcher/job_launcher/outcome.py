"""Outcome: what becomes of a launch that failed, and what a caller is told; total over the tree of errors."""

from __future__ import annotations

from collections.abc import Mapping

from ainimal_zookeeper.domain import errors

RETRY_S: Mapping[type[errors.ZookeeperError], float | None] = {
    errors.ZookeeperError: None,
    errors.Rejected: None,
    errors.NotFound: None,
    errors.AlreadyExists: None,
    errors.InvalidInput: None,
    errors.InvalidTransition: None,
    errors.Unauthenticated: None,
    errors.PermissionDenied: None,
    errors.LimitReached: None,
    errors.RateLimited: 1.0,
    errors.ControlHeld: None,
    errors.Conflict: 1.0,
    errors.Transient: 1.0,
    errors.DataCorrupt: None,
    errors.UserCodeFault: None,
    errors.AInimalFault: None,
    errors.EnvFault: None,
}
"""After how many seconds the same launch may work, unless the error says so itself; None: never, the instance fails."""


def retry_after_s(error: errors.ZookeeperError) -> float | None:
    """Returns after how many seconds the launch is to be tried again; None when it can never work."""
    otherwise = next(RETRY_S[kind] for kind in type(error).__mro__ if kind in RETRY_S)
    return otherwise if otherwise is None else float(getattr(error, "retry_after_s", otherwise))


def status(error: errors.ZookeeperError) -> int:
    """Returns the HTTP status for a call that failed as a whole: whether the caller is known, and else what to do."""
    if isinstance(error, errors.Unauthenticated):
        return 401
    if isinstance(error, errors.PermissionDenied):
        return 403
    return 500 if retry_after_s(error) is None else 503


def headers(error: errors.ZookeeperError) -> dict[str, str]:
    """Returns what goes along with `status`."""
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    seconds = retry_after_s(error)
    return {} if seconds is None else {"Retry-After": str(max(1, round(seconds)))}
