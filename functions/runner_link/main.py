"""Entry point of the runner link as a function; everything else is in the package `runner_link`."""

from __future__ import annotations

import os
from functools import cache

import functions_framework.aio
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from runner_link import RunnerLink
from runner_link.settings import Settings
from starlette.requests import Request
from starlette.responses import Response


@cache
def composed() -> RunnerLink:
    """Returns the runner link of this process, made at the first request."""
    settings = Settings.from_environ(os.environ)
    secret = (settings.state_dir / "secret").read_bytes()
    clock = SystemClock()
    return RunnerLink(
        store=SqliteStore(settings.state_dir / "zoo.sqlite3"),
        bucket=DirectoryBucket(settings.state_dir / "bucket", f"{settings.public_url}/bucket", secret, clock),
        clock=clock,
        ids=RandomIds(),
        secret=secret,
    )


@functions_framework.aio.http
async def link(request: Request) -> Response:
    """Answers a runner."""
    return await composed().handle(request)
