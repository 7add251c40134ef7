"""The application of the host: one address for API, runners, objects and the web client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from ainimal_zookeeper.client.site import BUILT, WebClient
from ainimal_zookeeper.domain.errors import NotFound

from .security import Guard

Handler = Callable[[Request], Awaitable[Response]]

_ANY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>AInimal Zookeeper</title>
<body><h1>AInimal Zookeeper</h1>{body}</body></html>
"""
_NOT_BUILT = (
    "<p>The zoo runs, but its web client is not built. In a clone of the repository, run</p>"
    "<pre>make client</pre><p>and start the zoo again; an installed wheel carries the client.</p>"
    "<p>Meanwhile the API answers at <a href='/graphql'>/graphql</a>.</p>"
)
_NO_CLIENT = (
    "<p>The zoo runs without its web client. The API answers at <a href='/graphql'>/graphql</a>; "
    "<code>python3 -m ainimal_zookeeper.client</code> serves the client alone.</p>"
)


def application(
    *,
    routes: Sequence[BaseRoute],
    client: bool,
    bound: str,
    allowed_origins: Iterable[str],
    web: Path = BUILT,
    links: Sequence[str] = (),
) -> Starlette:
    """Returns the application.

    routes: what the zoo answers. client: whether to serve the web client. bound: the address that the host listens on.
    web: where the built client is. links: origins beside the zoo's own to which its links lead.
    """
    guard = Middleware(Guard, bound=bound, allowed_origins=tuple(allowed_origins))
    return Starlette(routes=[*routes, site(client=client, web=web, links=links)], middleware=[guard])


def route(path: str, handler: Handler) -> Route:
    """Lets `handler` answer at `path`, and everything below it where that ends in "/"."""

    async def endpoint(request: Request) -> Response:
        return await handler(request)

    return Route(f"{path}{{rest:path}}" if path.endswith("/") else path, endpoint, methods=_ANY_METHOD)


def site(*, client: bool, web: Path = BUILT, links: Sequence[str] = ()) -> BaseRoute:
    """Returns what answers every other path: the web client, or a page that says why there is none."""
    if not client:
        return _page(_NO_CLIENT)
    try:
        return Mount("/", WebClient(directory=web, connect=" ".join(["'self'", *links])))
    except NotFound:
        return _page(_NOT_BUILT)


def _page(body: str) -> Route:
    async def endpoint(_: Request) -> Response:
        return HTMLResponse(_PAGE.format(body=body), headers={"Cache-Control": "no-cache"})

    return Route("/", endpoint)
