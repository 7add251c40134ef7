"""The launcher and the reconciler as functions: the one place that picks their adapters."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import cached_property

from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.ports.callers import Callers
from ainimal_zookeeper.profiles import open_profile, structured_logging
from starlette.requests import Request
from starlette.responses import Response

from .catalogue import Catalogue
from .launcher import Launcher
from .push import Push, failed
from .reconciler import Reconciler
from .settings import Settings
from .staged import StagedCatalogue


class Deployment:
    """Makes both at the first request: clients of Google's do not survive the fork of a worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._profile = open_profile(settings.profile)

    async def launch(self, request: Request) -> Response:
        """Takes a message of the queue."""
        return await self._answer(Push.deliver, request)

    async def reconcile(self, request: Request) -> Response:
        """Takes a call of the timer."""
        return await self._answer(Push.reconcile, request)

    async def _answer(self, work: Callable[[Push, Request], Awaitable[Response]], request: Request) -> Response:
        try:
            push = self._push
        except ZookeeperError as error:
            return failed(error)
        return await work(push, request)

    @cached_property
    def _push(self) -> Push:
        settings, profile = self._settings, self._profile
        if profile.name == "gcp":
            structured_logging.write_to(sys.stdout)
        store, compute, clock = profile.store, profile.compute, profile.clock
        staged = settings.configuration
        return Push(
            launcher=Launcher(
                store=store, compute=compute, clock=clock, secret=profile.secret, link_url=settings.link_url
            ),
            reconciler=Reconciler(
                store=store,
                queue=profile.queue,
                compute=compute,
                bucket=lambda: profile.bucket,
                clock=clock,
                ids=profile.ids,
            ),
            callers=_callers(settings),
            catalogue=None if staged is None else StagedCatalogue(staged, Catalogue(store)),
        )


def _callers(settings: Settings) -> Callers | None:
    if not settings.caller_account:
        return None
    from ainimal_zookeeper.adapters.gcp.oidc import GoogleCallers

    return GoogleCallers(settings.caller_audience, settings.caller_account)
