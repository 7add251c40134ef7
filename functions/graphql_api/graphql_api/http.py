"""GraphQL over HTTP: requests in, answers out, as the working group's specification asks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.errors import Unauthenticated, ZookeeperError
from graphql import OperationType
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from . import sse
from .encoding import encode
from .engine import Engine, Request
from .errors import BAD_REQUEST, answers, request_error, retry_after_s
from .operations import RequestErrors

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENTS = "text/event-stream"

_BROKEN_RETRY_S = 60.0  # what an operator has to mend


class Refused(Exception):
    """A request that HTTP alone refuses."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


async def respond(engine: Engine, http: HttpRequest, principal: Principal) -> Response:
    """Answers one HTTP request for GraphQL."""
    try:
        accepted = negotiate(http.headers.get("accept"))
    except Refused as refused:
        return _refusal(refused, JSON)
    media = GRAPHQL if accepted == GRAPHQL else JSON
    try:
        request = await _read(http, engine.limits.body_bytes)
    except Refused as refused:
        return _refusal(refused, media)
    try:
        operation = engine.find(request)
    except RequestErrors as refused_by_graphql:
        payload = {"errors": answers(refused_by_graphql.errors)}
        if accepted == EVENTS:
            return sse.single(payload)
        return _json(payload, media)
    if http.method == "GET" and operation.kind is OperationType.MUTATION:
        return _refusal(Refused(405, "mutations change something; send them by POST", {"allow": "POST"}), media)
    if operation.kind is OperationType.SUBSCRIPTION:
        if accepted != EVENTS:
            return _refusal(Refused(406, f"subscriptions come as events; accept {EVENTS}"), media)
        return sse.stream(engine, request, operation, principal)
    answer = await engine.execute(request, operation, principal)
    return sse.single(answer) if accepted == EVENTS else _json(answer, media)


def turned_away(http: HttpRequest, error: ZookeeperError) -> Response:
    """Answers whoever is not let in: 401 for a proof that does not hold, 503 where the zoo itself cannot tell now.

    Clients of event streams read no other status than 200; they find the same error in their one event.
    """
    try:
        accepted = negotiate(http.headers.get("accept"))
    except Refused as refused:
        return _refusal(refused, JSON)
    payload = {"errors": [request_error(error)]}
    if accepted == EVENTS:
        return sse.single(payload)
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, Unauthenticated):
        status, headers["WWW-Authenticate"] = 401, 'Bearer error="invalid_token"'
    else:
        status, headers["Retry-After"] = 503, str(math.ceil(retry_after_s(error) or _BROKEN_RETRY_S))
    return Response(encode(payload), status, headers, media_type=f"{accepted}; charset=utf-8")


def negotiate(accept: str | None) -> str:
    """Returns the media type to answer with; JSON where the client does not care. Raises: Refused with 406."""
    if accept is None or not accept.strip():
        return JSON
    wanted = sorted((_quality(part), -position, part) for position, part in enumerate(accept.split(",")))
    for quality, _, part in reversed(wanted):
        name = part.split(";")[0].strip().lower()
        charset = _parameter(part, "charset")
        if quality <= 0 or charset not in {None, "utf-8", "utf8"}:
            continue
        if name in {JSON, GRAPHQL, EVENTS}:
            return name
        if name in {"*/*", "application/*"}:
            return JSON
        if name == "text/*":
            return EVENTS
    raise Refused(406, f"answers are {GRAPHQL}, {JSON} or {EVENTS}; accept one of them")


async def _read(http: HttpRequest, most_bytes: int) -> Request:
    """Raises: Refused when the request is not one of GraphQL over HTTP."""
    if http.method == "GET":
        return _checked({**http.query_params, **_json_parameters(http)})
    if http.method != "POST":
        raise Refused(405, "send queries by GET or POST", {"allow": "GET, POST"})
    content = http.headers.get("content-type", "")
    if content.split(";")[0].strip().lower() != JSON or _parameter(content, "charset") not in {None, "utf-8", "utf8"}:
        raise Refused(415, f"send the request as {JSON} in UTF-8")
    body = await _body(http, most_bytes)
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"the body is not JSON: {error}") from None
    if not isinstance(sent, dict):
        raise Refused(400, "the body must be one JSON object; batches are not taken")
    return _checked(sent)


def _json_parameters(http: HttpRequest) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name in ("variables", "extensions"):
        text = http.query_params.get(name)
        if text is not None:
            try:
                parameters[name] = orjson.loads(text) if text else None
            except orjson.JSONDecodeError as error:
                raise Refused(400, f"{name} are not JSON: {error}") from None
    return parameters


def _checked(sent: Mapping[str, Any]) -> Request:
    query = sent.get("query")
    if not isinstance(query, str) or not query:
        raise Refused(400, "query must be the text of a GraphQL document")
    name, variables = sent.get("operationName"), sent.get("variables")
    if not isinstance(name, str | None):
        raise Refused(400, "operationName must be a text")
    if not isinstance(variables, dict | None):
        raise Refused(400, "variables must be an object")
    if not isinstance(sent.get("extensions"), dict | None):
        raise Refused(400, "extensions must be an object")
    return Request(query, name or None, variables or {})


async def _body(http: HttpRequest, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in http.stream():
        size += len(part)
        if size > most_bytes:
            raise Refused(413, f"the body has more than {most_bytes} bytes; send less")
        parts.append(part)
    return b"".join(parts)


def _json(payload: Mapping[str, Any], media: str) -> Response:
    """A request that could not be executed has no data: an error for clients that know GraphQL over HTTP."""
    status = 400 if media == GRAPHQL and "data" not in payload else 200
    return Response(encode(payload), status, media_type=f"{media}; charset=utf-8")


def _refusal(refused: Refused, media: str) -> Response:
    errors: Sequence[Any] = [{"message": str(refused), "extensions": {"code": BAD_REQUEST}}]
    return Response(encode({"errors": errors}), refused.status, refused.headers, media_type=f"{media}; charset=utf-8")


def _quality(part: str) -> float:
    text = _parameter(part, "q")
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return 0.0


def _parameter(part: str, name: str) -> str | None:
    """Returns the parameter `name` of a media type, in lower case."""
    for piece in part.split(";")[1:]:
        key, _, value = piece.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"').lower()
    return None
