"""Entry points of the launcher as functions; everything else is in the package `job_launcher`."""

from __future__ import annotations

import os
from functools import cache

import functions_framework.aio
from ainimal_zookeeper.adapters.embedded.clock import RandomIds, SystemClock
from ainimal_zookeeper.adapters.embedded.compute import ProcessCompute
from ainimal_zookeeper.adapters.embedded.queue import SqliteQueue
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from job_launcher import Launcher, Push, Reconciler
from job_launcher.settings import Settings
from starlette.requests import Request
from starlette.responses import Response


@cache
def composed() -> Push:
    """Returns the launcher and the reconciler of this process, made at the first request."""
    settings = Settings.from_environ(os.environ)
    clock = SystemClock()
    store = SqliteStore(settings.state_dir / "zoo.sqlite3")
    compute = ProcessCompute(settings.state_dir / "jobs", clock)
    secret = (settings.state_dir / "secret").read_bytes()
    queue = SqliteQueue(settings.state_dir / "queue.sqlite3")
    return Push(
        launcher=Launcher(store=store, compute=compute, clock=clock, secret=secret, link_url=settings.link_url),
        reconciler=Reconciler(store=store, queue=queue, compute=compute, clock=clock, ids=RandomIds()),
    )


@functions_framework.aio.http
async def launch(request: Request) -> Response:
    """Takes a message of the queue."""
    return await composed().deliver(request)


@functions_framework.aio.http
async def reconcile(request: Request) -> Response:
    """Takes a call of the timer."""
    return await composed().reconcile(request)
