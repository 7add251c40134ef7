"""The API as a function of its own: the one place that picks its adapters."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

from ainimal_zookeeper.domain.addresses import host_name
from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.ports.identity import Visit
from ainimal_zookeeper.profiles import open_profile, structured_logging
from starlette.requests import Request
from starlette.responses import Response

from . import http
from .api import Api, no_processes
from .departure import Departure
from .neighbours import Neighbours
from .origins import Origins
from .settings import Settings


class Deployment:
    """Makes the API at the first request, on the loop that serves it."""

    def __init__(self, settings: Settings) -> None:
        self._api: Api | None = None
        self._departure: Departure | None = None
        self._profile = open_profile(settings.profile)
        self._processes = no_processes if settings.processes is None else Neighbours(settings.processes)
        self._link_url = settings.link_url
        self._origins = Origins(settings.allowed_origins, loopback=self._profile.name != "gcp")

    async def handle(self, request: Request) -> Response:
        """Judges the page that asks, then whoever sits before it, and lets the API answer what is left."""
        passage = self._origins.judge(request.method, request.url.scheme, request.headers)
        response = passage.answer or await self._answer(request)
        passage.complete(response.headers)
        return response

    async def _answer(self, request: Request) -> Response:
        try:
            principal = await self._profile.identity.principal(_visit(request))
            api = self._api = self._api or self._make()
        except ZookeeperError as error:
            return http.turned_away(request, error)
        return await api.handle(request, principal)

    async def close(self) -> None:
        """Ends streams and closes what was opened."""
        if self._departure is not None:
            self._departure.forget()
        if self._api is not None:
            await self._api.close()
        self._profile.close()

    def _make(self) -> Api:
        profile = self._profile
        if profile.name == "gcp":
            structured_logging.write_to(sys.stdout)
        api = Api(
            store=profile.store,
            queue=profile.queue,
            dialer=profile.dialer,
            bucket=lambda: profile.bucket,
            clock=profile.clock,
            ids=profile.ids,
            secret=profile.secret,
            profile=profile.name,
            version=_version(),
            processes=self._processes,
            link_url=self._link_url,
        )
        self._departure = Departure(api.depart)
        self._departure.expect()
        return api


def _visit(request: Request) -> Visit:
    # Of several headers no one can say which is meant: what they make together is no token.
    given = request.headers.getlist("authorization")
    return Visit(
        client=request.client.host if request.client is not None else None,
        # Not that of `request.url`, which is the server's own address where the header is not to its liking.
        host=host_name(request.headers.get("host", "")),
        authorization=", ".join(given) if given else None,
    )


def _version() -> str:
    try:
        return version("ainimal-zookeeper")
    except PackageNotFoundError:
        return "0"
