"""Entry points of the launcher for functions-framework; everything else is in the package `job_launcher`."""

import os
from pathlib import Path

import functions_framework.aio
from job_launcher.deployment import Deployment
from job_launcher.settings import Settings
from starlette.requests import Request
from starlette.responses import Response

_deployment = Deployment(Settings.from_environ(os.environ, Path(__file__).parent))


@functions_framework.aio.http
async def launch(request: Request) -> Response:
    """Takes a message of the queue."""
    return await _deployment.launch(request)


@functions_framework.aio.http
async def reconcile(request: Request) -> Response:
    """Takes a call of the timer."""
    return await _deployment.reconcile(request)
