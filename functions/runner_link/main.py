"""Entry point of the runner link for functions-framework; everything else is in the package `runner_link`."""

import os

import functions_framework.aio
from runner_link.deployment import Deployment
from runner_link.settings import Settings
from starlette.requests import Request
from starlette.responses import Response

_deployment = Deployment(Settings.from_environ(os.environ))


@functions_framework.aio.http
async def link(request: Request) -> Response:
    """Answers a runner."""
    return await _deployment.handle(request)
