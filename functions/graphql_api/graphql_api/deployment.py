"""The API as a function of its own: the one place that picks its adapters."""

from __future__ import annotations

import ipaddress
from importlib.metadata import PackageNotFoundError, version

from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.adapters.embedded.queue import SqliteQueue
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain.access import Principal
from starlette.requests import Request
from starlette.responses import Response

from .api import Api
from .settings import Settings


class Deployment:
    """Makes the API at the first request, on the loop that serves it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._api: Api | None = None
        self._store: SqliteStore | None = None
        self._queue: SqliteQueue | None = None

    async def handle(self, request: Request) -> Response:
        """On this profile whoever comes from this computer is the operator, and others are nobody.

        A page of another site that runs in a browser here comes from this computer too; its requests name that site.
        """
        if self._api is None:
            self._api = self._make()
        principal = Principal.operator() if _from_loopback(request) else Principal.nobody()
        return await self._api.handle(request, principal)

    async def close(self) -> None:
        """Ends streams and closes the files."""
        if self._api is not None:
            await self._api.close()
        for adapter in (self._queue, self._store):
            if adapter is not None:
                adapter.close()

    def _make(self) -> Api:
        state = self._settings.state_dir
        self._store = SqliteStore(state / "zoo.sqlite3")
        self._queue = SqliteQueue(state / "queue.sqlite3")
        return Api(
            store=self._store,
            queue=self._queue,
            dialer=LoopbackDialer(),
            clock=SystemClock(),
            ids=RandomIds(),
            secret=(state / "secret").read_bytes(),
            profile=self._settings.profile,
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
