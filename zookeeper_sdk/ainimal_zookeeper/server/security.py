"""Who may talk to a zoo on this machine: by the Host and the Origin that a browser cannot forge.

A page of any site may send requests to 127.0.0.1, and by DNS rebinding even read the answers. Both are told apart from
the operator's own browser by these two headers, so that on loopback no password is needed.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from graphql_api.origins import Origins, Passage, refusal
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ainimal_zookeeper.domain.addresses import host_name, is_loopback


class Hosts:
    """The names under which a zoo that listens on `bound` may be addressed."""

    def __init__(self, bound: str, allowed_origins: Iterable[str]) -> None:
        self._is_open = not is_loopback(bound)
        named = {urlsplit(origin).hostname or "" for origin in allowed_origins}
        own = {socket.gethostname().lower(), socket.getfqdn().lower()} if self._is_open else set()
        self._names = {bound.strip("[]").lower(), *named, *own, *(f"{name}.local" for name in own)} - {""}

    def has(self, header: str) -> bool:
        """Tells whether the Host header `header` is one of them.

        An address is always one when the zoo listens beyond loopback: DNS rebinding needs a name.
        """
        name = host_name(header)
        if not name:
            return False
        if is_loopback(name) or name.rstrip(".") in self._names:
            return True
        return self._is_open and _is_address(name)


class Guard:
    """ASGI middleware that refuses foreign hosts and origins, answers preflights and adds security headers.

    Origins that may use the API: the zoo's own, those of `allowed_origins`, and every loopback origin, so that the web
    client served alone on this machine works.
    """

    def __init__(self, app: ASGIApp, *, bound: str, allowed_origins: Iterable[str]) -> None:
        origins = list(allowed_origins)
        self._app = app
        self._hosts = Hosts(bound, origins)
        self._origins = Origins(origins, loopback=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = self._judge(scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                passage.complete(MutableHeaders(scope=message))
            await send(message)

        await (passage.answer or self._app)(scope, receive, send_guarded)

    def _judge(self, scope: Scope) -> Passage:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._hosts.has(host):
            return self._origins.judge(scope["method"], scope["scheme"], headers)
        return Passage(
            refusal(
                421,
                f"the host {host!r} is none of this zoo's; open it by the address that it printed, "
                "or add https://<host> to allowed_origins",
            )
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
