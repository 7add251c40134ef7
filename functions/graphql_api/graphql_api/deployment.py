"""The API as a function of its own: the one place that picks its adapters."""

from __future__ import annotations

import ipaddress
from importlib.metadata import PackageNotFoundError, version

from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.profiles import open_profile
from starlette.requests import Request
from starlette.responses import Response

from .api import Api
from .settings import Settings


class Deployment:
    """Makes the API at the first request, on the loop that serves it."""

    def __init__(self, settings: Settings) -> None:
        self._api: Api | None = None
        self._profile = open_profile(settings.profile)

    async def handle(self, request: Request) -> Response:
        """Whoever comes from this computer is the operator, but for the cloud, and others are nobody.

        A page of another site that runs in a browser here comes from this computer too; its requests name that site.
        """
        if self._api is None:
            self._api = self._make()
        here = self._profile.name != "gcp" and _from_loopback(request)
        principal = Principal.operator() if here else Principal.nobody()
        return await self._api.handle(request, principal)

    async def close(self) -> None:
        """Ends streams and closes what was opened."""
        if self._api is not None:
            await self._api.close()
        self._profile.close()

    def _make(self) -> Api:
        profile = self._profile
        return Api(
            store=profile.store,
            queue=profile.queue,
            dialer=profile.dialer,
            clock=profile.clock,
            ids=profile.ids,
            secret=profile.secret,
            profile=profile.name,
            version=_version(),
        )


def _from_loopback(request: Request) -> bool:
    if request.client is None or request.headers.get("origin") is not None:
        return False
    return _is_loopback(request.client.host) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _version() -> str:
    try:
        return version("ainimal-zookeeper")
    except PackageNotFoundError:
        return "0"
