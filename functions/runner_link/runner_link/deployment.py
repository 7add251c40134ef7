"""The runner link as a function of its own: the one place that picks its adapters."""

from __future__ import annotations

import logging
import sys
from functools import cached_property

from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.profiles import open_profile, structured_logging
from starlette.requests import Request
from starlette.responses import Response

from . import answers
from .claims import RunnerSettings
from .link import RunnerLink
from .settings import Settings

LOG_S = 5.0  # each report is paid for, and a program may print without end

_log = logging.getLogger(__name__)


class Deployment:
    """Makes the runner link at the first request: clients of Google's do not survive the fork of a worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._profile = open_profile(settings.profile)

    async def handle(self, request: Request) -> Response:
        """Answers a runner."""
        try:
            link = self._link
        except ZookeeperError as error:
            _log.warning("the runner link cannot be opened: %s", error)
            return answers.refusal(error)
        return await link.handle(request)

    @cached_property
    def _link(self) -> RunnerLink:
        profile = self._profile
        if profile.name == "gcp":
            structured_logging.write_to(sys.stdout)
        return RunnerLink(
            store=profile.store,
            bucket=profile.bucket,
            clock=profile.clock,
            ids=profile.ids,
            secret=profile.secret,
            secrets=self._settings.secrets,
            settings=RunnerSettings(logSeconds=LOG_S) if profile.name == "gcp" else RunnerSettings(),
        )
