"""Push: the queue's messages as HTTP requests, and the timer's calls."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from typing import Any

from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Delivery, Message
from starlette.requests import Request
from starlette.responses import Response

from .launcher import Launcher
from .reconciler import Reconciler

MAX_BODY_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


class Push:
    """`deliver` answers a push subscription: 204, done with; 503, send it again. `reconcile` answers a timer."""

    def __init__(self, *, launcher: Launcher, reconciler: Reconciler) -> None:
        self._launcher = launcher
        self._reconciler = reconciler

    async def deliver(self, request: Request) -> Response:
        """A body that is no push message is acknowledged: it would be no better the next time."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                break
        message = _message(bytes(body))
        if message is None:
            _log.error("a push request holds no launch message and is dropped", extra={"size_bytes": len(body)})
            return Response(status_code=204)
        delivery = await asyncio.to_thread(self._launcher.deliver, message)
        return Response(status_code=204 if delivery is Delivery.ACK else 503)

    async def reconcile(self, _: Request) -> Response:
        """Runs the reconciler once."""
        try:
            await asyncio.to_thread(self._reconciler.run_once)
        except ZookeeperError as error:
            _log.warning("the reconciler stopped early: %s", error.message)
            return Response(status_code=503)
        return Response(status_code=204)


def _message(body: bytes) -> Message | None:
    try:
        push = json.loads(body)
        wrapped = push["message"]
        data: Any = json.loads(base64.b64decode(wrapped["data"], validate=True))
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None
    if not isinstance(data, dict):
        return None
    identity = str(wrapped.get("messageId", ""))
    attempt = push.get("deliveryAttempt", 1)
    return Message(identity, LAUNCH_TOPIC, data, attempt if type(attempt) is int else 1)
