"""Who may talk to a zoo on this machine: by the Host and the Origin that a browser cannot forge.

A page of any site may send requests to 127.0.0.1, and by DNS rebinding even read the answers. Both are told apart from
the operator's own browser by these two headers, so that on loopback no password is needed.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PREFLIGHT_HEADERS = "Accept, Authorization, Content-Type, Last-Event-ID, X-GraphQL-Event-Stream-Token"
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}


def is_loopback(host: str) -> bool:
    """Tells whether `host` (a name or an address, without a port) can only be this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


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
        try:
            name = urlsplit(f"//{header}").hostname
        except ValueError:
            return False
        if not name:
            return False
        if is_loopback(name) or name.rstrip(".") in self._names:
            return True
        return self._is_open and _is_address(name)


class Guard:
    """ASGI middleware that refuses foreign hosts and origins, answers preflights and adds security headers.

    Origins that may use the API: the zoo's own, those of `allowed_origins`, and every loopback origin, so that the web
    client served alone on this machine works. `null` (sandboxed frames, files) is foreign.
    """

    def __init__(self, app: ASGIApp, *, bound: str, allowed_origins: Iterable[str]) -> None:
        origins = list(allowed_origins)
        self._app = app
        self._hosts = Hosts(bound, origins)
        self._origins = {origin.rstrip("/").lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        refusal = self._refusal(scope, headers, origin)
        foreign = origin if refusal is None and origin is not None and not _is_own(scope, headers, origin) else None

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(MutableHeaders(scope=message), foreign)
            await send(message)

        if refusal is not None:
            await refusal(scope, receive, send_guarded)
        elif foreign is not None and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _preflight(headers)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers, origin: str | None) -> Response | None:
        host = headers.get("host", "")
        if not self._hosts.has(host):
            return _refuse(
                421,
                f"the host {host!r} is none of this zoo's; open it by the address that it printed, "
                "or add https://<host> to allowed_origins",
            )
        if origin is not None:
            if _is_own(scope, headers, origin) or self._may_use(origin):
                return None
            return _refuse(403, f"the origin {origin!r} may not use this zoo; add it to allowed_origins")
        # Images and forms of other sites carry no Origin, but say where they come from.
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return _refuse(403, "another site may not use this zoo; add its origin to allowed_origins")
        return None

    def _may_use(self, origin: str) -> bool:
        if origin.lower() in self._origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "")


def _is_own(scope: Scope, headers: Headers, origin: str) -> bool:
    return origin.lower() == f"{scope['scheme']}://{headers.get('host', '')}".lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _complete(headers: MutableHeaders, foreign: str | None) -> None:
    for name, value in _SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if foreign is not None:
        headers["Access-Control-Allow-Origin"] = foreign
        headers["Access-Control-Expose-Headers"] = "Retry-After"
        headers.add_vary_header("Origin")


def _preflight(headers: Headers) -> Response:
    answer = {
        "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": _PREFLIGHT_HEADERS,
        "Access-Control-Max-Age": "600",
    }
    if headers.get("access-control-request-private-network") == "true":
        answer["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=answer)


def _refuse(status: int, message: str) -> Response:
    body = json.dumps({"code": "PERMISSION_DENIED", "message": message})
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")
