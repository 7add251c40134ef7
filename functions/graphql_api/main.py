"""Entry point of the API for functions-framework; everything else is in the package `graphql_api`."""

import gc

gc.disable()  # all that is imported stays: looking for garbage in it would prolong a cold start by a twentieth

import os

import functions_framework.aio
from graphql_api.deployment import Deployment
from graphql_api.settings import Settings
from starlette.requests import Request
from starlette.responses import Response

_deployment = Deployment(Settings.from_environ(os.environ))
gc.freeze()
gc.enable()
close = _deployment.close  # for a host that outlives it


@functions_framework.aio.http
async def graphql(request: Request) -> Response:
    """Answers `/graphql` and `/healthz`."""
    return await _deployment.handle(request)
