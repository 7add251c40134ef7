"""The table from errors to GraphQL: total, so that nothing unplanned is ever shown to a client."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any

from ainimal_zookeeper.domain.errors import InvalidInput, RateLimited, Transient, ZookeeperError
from graphql import GraphQLError

_log = logging.getLogger(__name__)

BAD_REQUEST = "BAD_REQUEST"  # the document or its variables; what the specification calls a request error
INTERNAL = "INTERNAL"


def retry_after_s(error: ZookeeperError) -> float | None:
    """Returns when the same request is worth another try, where that is known."""
    return error.retry_after_s if isinstance(error, (RateLimited, Transient)) else None


def user_error(error: ZookeeperError) -> dict[str, Any]:
    """Returns the `UserError` of a mutation that was refused or failed."""
    return {
        "code": error.code,
        "message": error.message,
        "path": list(error.path) or None if isinstance(error, InvalidInput) else None,
        "retryAfterSeconds": retry_after_s(error),
    }


def request_error(error: ZookeeperError) -> dict[str, Any]:
    """Returns the entry of `errors` for a request of which nothing was executed."""
    extensions: dict[str, Any] = {"code": error.code}
    if retry_after_s(error) is not None:
        extensions["retryAfterSeconds"] = retry_after_s(error)
    if isinstance(error, InvalidInput) and error.path:
        extensions["argumentPath"] = list(error.path)
    return {"message": error.message, "extensions": extensions}


def answer(error: GraphQLError) -> dict[str, Any]:
    """Returns an entry of `errors`.

    Errors of the zoo show their code and message. What the client did to the document is shown as it is. Anything
    else is logged and shown as a number under which the log has it.
    """
    cause = error.cause
    shown = error.formatted
    if isinstance(cause, ZookeeperError):
        return {**shown, **request_error(cause)}
    if cause is None or isinstance(cause, GraphQLError):
        return {**shown, "extensions": {"code": BAD_REQUEST, **(error.extensions or {})}}
    number = secrets.token_hex(6)
    _log.error("a resolver failed", exc_info=cause, extra={"correlation_id": number, "path": error.path})
    message = f"the zoo failed to answer this; its log says why under {number}"
    return {**shown, "message": message, "extensions": {"code": INTERNAL, "correlationId": number}}


def answers(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    return [answer(error) for error in errors]
