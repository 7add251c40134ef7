"""Push: the queue's messages as HTTP requests, and the timer's calls.

| what comes                                              | answer | why                                              |
|---------------------------------------------------------|--------|--------------------------------------------------|
| a launch that was made, or is wanted no more            | 204    | done with                                        |
| a launch that can never run                             | 204    | its instance is FAILED and says why              |
| no launch message, or one that is too large             | 204    | it would be no better the next time; logged      |
| a launch that may work later                            | 503    | the queue sends it again; `Retry-After` as known |
| a launch whose failure cannot even be recorded          | 500    | again, until it is a dead letter, which alarms   |
| no token, or one that proves nothing                    | 401    | nothing was done                                 |
| the token of somebody else                              | 403    | nothing was done                                 |
| a token that cannot be checked now                      | 503    | nothing was done                                 |
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Callable
from typing import Any

from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.ports.callers import Callers
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Message
from starlette.requests import Request
from starlette.responses import Response

from . import outcome
from .launcher import Launcher
from .reconciler import Reconciler
from .staged import StagedCatalogue

MAX_BODY_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


class Push:
    """`deliver` answers a push subscription, `reconcile` a timer."""

    def __init__(
        self,
        *,
        launcher: Launcher,
        reconciler: Reconciler,
        callers: Callers | None = None,
        catalogue: StagedCatalogue | None = None,
    ) -> None:
        """callers: who may call; None where nobody else can reach this. catalogue: what to publish on the timer."""
        self._launcher = launcher
        self._reconciler = reconciler
        self._callers = callers
        self._catalogue = catalogue

    async def deliver(self, request: Request) -> Response:
        """Launches what the message asks for."""
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        body = await _body(request)
        message = None if body is None else _message(body)
        if message is None:
            size = f"more than {MAX_BODY_BYTES}" if body is None else len(body)
            _log.error("a push request holds no launch message and is dropped", extra={"size_bytes": size})
            return Response(status_code=204)
        return await _answer(self._launcher.launch, message)

    async def reconcile(self, request: Request) -> Response:
        """Publishes the staged catalogue where there is one, and runs the reconciler once, whatever became of that."""
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        published = None if self._catalogue is None else await _answer(self._catalogue.publish)
        reconciled = await _answer(self._reconciler.run_once)
        return reconciled if published is None or published.status_code == 204 else published

    async def _refusal(self, request: Request) -> Response | None:
        """Returns what a caller is told who may not call, or of whom that is not known."""
        if self._callers is None:
            return None
        answer = await _answer(self._callers.admit, request.headers.get("authorization"))
        return None if answer.status_code == 204 else answer


def failed(error: ZookeeperError) -> Response:
    """Returns what is answered to a call that failed as a whole, and logs it."""
    status = outcome.status(error)
    _log.log(logging.ERROR if status == 500 else logging.WARNING, "a call was answered with %d: %s", status, error)
    return Response(status_code=status, headers=outcome.headers(error))


async def _answer(work: Callable[..., None], *arguments: Any) -> Response:
    """Does `work` in a thread and returns how it went; 500 with the log's help for what nobody foresaw."""
    try:
        await asyncio.to_thread(work, *arguments)
    except ZookeeperError as error:
        return failed(error)
    except Exception:  # noqa: BLE001  whatever it is, the caller gets an answer and the log the rest
        _log.exception("a call failed for a reason that nobody foresaw")
        return Response(status_code=500)
    return Response(status_code=204)


async def _body(request: Request) -> bytes | None:
    """Returns the body; None for one that is too large, of which no more is read than that takes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _message(body: bytes) -> Message | None:
    """Returns the message of a push request; None when there is none in it."""
    try:
        push = json.loads(body)
        wrapped = push["message"]
        data: Any = json.loads(base64.b64decode(wrapped["data"], validate=True))
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    attempt = push.get("deliveryAttempt")
    return Message(_identity(wrapped), LAUNCH_TOPIC, data, attempt if type(attempt) is int else 1)


def _identity(wrapped: dict[str, Any]) -> str:
    """Returns the id that the message was published under: Pub/Sub's own differs with each try of the publisher."""
    attributes = wrapped.get("attributes")
    ours = attributes.get("id") if isinstance(attributes, dict) else None
    return str(ours or wrapped.get("messageId", ""))
