"""What a runner is told: JSON, and for each domain error one HTTP status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ainimal_zookeeper.domain import errors
from starlette.responses import Response

STATUS: Mapping[type[errors.ZookeeperError], int] = {
    errors.ZookeeperError: 500,
    errors.Rejected: 400,
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.InvalidInput: 400,
    errors.InvalidTransition: 409,
    errors.Unauthenticated: 401,
    errors.PermissionDenied: 403,
    errors.LimitReached: 429,
    errors.RateLimited: 429,
    errors.ControlHeld: 409,
    errors.Conflict: 409,
    errors.Transient: 503,
    errors.DataCorrupt: 500,
    errors.UserCodeFault: 422,
    errors.AInimalFault: 422,
    errors.EnvFault: 422,
}


def answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Returns `body` as JSON that nobody may cache."""
    content = json.dumps(body, separators=(",", ":"))
    return Response(content, status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def refusal(error: errors.ZookeeperError) -> Response:
    """Returns the answer for an error that the domain raised."""
    headers = {}
    if isinstance(error, errors.Transient | errors.RateLimited):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    body = {"code": error.code, "message": error.message}
    if isinstance(error, errors.InvalidInput) and error.path:
        body["message"] = f"{'.'.join(error.path)}: {error.message}"
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return answer(body, status, headers)


def breakdown(reference: str) -> Response:
    """Returns the answer for an error that nobody foresaw; the log has it under `reference`, the runner tries again."""
    body = {"code": "UNAVAILABLE", "message": f"the runner link failed; the zoo's log says why under {reference}"}
    return answer(body, 500, {"Retry-After": "1"})
