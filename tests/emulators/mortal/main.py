"""The functions as they are deployed, but for this: each dies by kill -9 where a file called "TARGET PLACE" says so."""

import os
import signal
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import functions_framework.aio
import graphql_api.deployment
import graphql_api.settings
import job_launcher.deployment
import job_launcher.settings
from ainimal_zookeeper.adapters.embedded.compute import ProcessCompute
from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue
from ainimal_zookeeper.ports.compute import Job
from ainimal_zookeeper.profiles import ProfileSettings
from ainimal_zookeeper.profiles.google import GoogleProfile
from starlette.requests import Request
from starlette.responses import Response

_FUSES = Path(os.environ["ZOO_TEST_FUSES"])
_TARGET = sys.argv[sys.argv.index("--target") + 1]


def die_at(place: str) -> None:
    """Dies once where that is asked for."""
    try:
        (_FUSES / f"{_TARGET} {place}").unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class MortalQueue(PubsubQueue):
    def publish(self, topic: str, data: Mapping[str, Any]) -> str:
        die_at("before the message")
        published = super().publish(topic, data)
        die_at("after the message")
        return published


class MortalCompute(ProcessCompute):
    def launch(self, job: Job) -> None:
        die_at("before the job")
        super().launch(job)
        die_at("after the job")

    def _start(self, *arguments: Any) -> Any:
        die_at("before the process")
        started = super()._start(*arguments)
        die_at("after the process")
        return started


class MortalProfile(GoogleProfile):
    def __init__(self, settings: ProfileSettings) -> None:
        super().__init__(settings)
        self._its_settings = settings

    @cached_property
    def queue(self) -> PubsubQueue:
        return MortalQueue(self._its_settings.project)

    @cached_property
    def compute(self) -> ProcessCompute:
        settings = self._its_settings
        return MortalCompute(settings.state_dir / "jobs", self.clock, home=settings.home)


graphql_api.deployment.open_profile = MortalProfile  # type: ignore[assignment]
job_launcher.deployment.open_profile = MortalProfile  # type: ignore[assignment]
_api = graphql_api.deployment.Deployment(graphql_api.settings.Settings.from_environ(os.environ))
_launcher = job_launcher.deployment.Deployment(job_launcher.settings.Settings.from_environ(os.environ))


@functions_framework.aio.http
async def graphql(request: Request) -> Response:
    return await _api.handle(request)


@functions_framework.aio.http
async def launch(request: Request) -> Response:
    return await _launcher.launch(request)


@functions_framework.aio.http
async def reconcile(request: Request) -> Response:
    return await _launcher.reconcile(request)
