"""Which pages may use a zoo, by the Origin that a browser cannot forge, and the headers that guard what it answers.

A page of any site may send requests to any address that the browser reaches, this computer's included. What no page
may be given is refused here, before anybody asks who its user is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ainimal_zookeeper.domain.addresses import is_loopback
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from .encoding import encode

_PREFLIGHT_HEADERS = "Accept, Authorization, Content-Type, Last-Event-ID, Range, X-GraphQL-Event-Stream-Token"
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}


@dataclass(frozen=True, slots=True)
class Passage:
    """What was decided of one request."""

    answer: Response | None = None
    """A refusal, or the answer to a preflight: nothing else is to be asked."""
    foreign: str | None = None
    """The origin that may read the answer, where it is not the zoo's own."""

    def complete(self, headers: MutableHeaders) -> None:
        """Adds to the headers of an answer what browsers are to know of it; what is set already stays."""
        for name, value in _SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        if self.foreign is not None:
            headers["Access-Control-Allow-Origin"] = self.foreign
            headers["Access-Control-Expose-Headers"] = "Content-Range, Retry-After"
        if "origin" not in headers.get("vary", "").lower():
            headers.add_vary_header("Origin")


class Origins:
    """The origins that may use a zoo: its own, those of `allowed`, and with `loopback` every page of this machine.

    The last is for the web client served alone. `null` (sandboxed frames, files) is foreign.
    """

    def __init__(self, allowed: Iterable[str], *, loopback: bool) -> None:
        self._allowed = {origin.rstrip("/").lower() for origin in allowed}
        self._loopback = loopback

    def judge(self, method: str, scheme: str, headers: Headers) -> Passage:
        """Decides about a request by its method, its URL's scheme and its headers."""
        origin = headers.get("origin")
        if origin is None:
            # Images and forms of other sites carry no Origin, but say where they come from.
            if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
                return Passage(refusal(403, "another site may not use this zoo; add its origin to allowed_origins"))
            return Passage()
        if origin.lower() == f"{scheme}://{headers.get('host', '')}".lower():
            return Passage()
        if not self._may_use(origin):
            return Passage(refusal(403, f"the origin {origin!r} may not use this zoo; add it to allowed_origins"))
        if method == "OPTIONS" and "access-control-request-method" in headers:
            return Passage(_preflight(headers), origin)
        return Passage(foreign=origin)

    def _may_use(self, origin: str) -> bool:
        if origin.lower() in self._allowed:
            return True
        if not self._loopback:
            return False
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "")


def refusal(status: int, message: str) -> Response:
    """Answers a request that nobody is to look at further."""
    body = encode({"code": "PERMISSION_DENIED", "message": message})
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")


def _preflight(headers: Headers) -> Response:
    answer = {
        "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": _PREFLIGHT_HEADERS,
        "Access-Control-Max-Age": "600",
    }
    if headers.get("access-control-request-private-network") == "true":
        answer["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=answer)
