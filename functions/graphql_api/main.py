"""Entry point for functions-framework: `functions-framework-python --target graphql --asgi`."""

import functions_framework.aio
from graphql_api.deployment import Deployment
from graphql_api.settings import Settings
from starlette.requests import Request
from starlette.responses import Response

_deployment = Deployment(Settings.from_environment())


@functions_framework.aio.http
async def graphql(request: Request) -> Response:
    """Answers `/graphql` and `/healthz`."""
    return await _deployment.handle(request)
