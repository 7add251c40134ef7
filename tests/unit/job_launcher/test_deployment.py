"""The launcher's functions as they are deployed: what stands behind their entry points."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from job_launcher.deployment import Deployment
from job_launcher.settings import Settings
from starlette.applications import Starlette
from starlette.routing import Route

from tests.unit.job_launcher.pusher import wanted
from tests.unit.job_launcher.test_catalogue import staged


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "secret").write_bytes(b"x" * 32)
    return {"ZOO_STATE_DIR": str(tmp_path), "ZOO_PUBLIC_URL": "http://zoo", "ZOO_LINK_URL": "http://zoo/runner"}


async def post(settings: Settings, path: str, headers: dict[str, str] | None = None) -> int:
    return await ask(Deployment(settings), path, headers)


async def ask(deployment: Deployment, path: str, headers: dict[str, str] | None = None) -> int:
    routes = [
        Route("/launch", deployment.launch, methods=["POST"]),
        Route("/reconcile", deployment.reconcile, methods=["POST"]),
    ]
    transport = httpx.ASGITransport(Starlette(routes=routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://launcher") as client:
        return (await client.post(path, content=wanted(), headers=headers)).status_code


@pytest.mark.parametrize("path", ["/launch", "/reconcile"])
async def test_deployment_that_names_its_caller_admits_nobody_else(environ: dict[str, str], path: str) -> None:
    """Both entry points are closed; one that names none is open, for emulators send no tokens."""
    assert await post(Settings.from_environ(environ), path) == 204
    closed = {**environ, "ZOO_CALLER_ACCOUNT": "push@a-zoo.iam.gserviceaccount.com", "ZOO_CALLER_AUDIENCE": "zoo"}
    assert await post(Settings.from_environ(closed), path) == 401
    assert await post(Settings.from_environ(closed), path, {"Authorization": "Bearer a.b.c"}) == 401


async def test_deployment_publishes_what_lies_beside_it(environ: dict[str, str], tmp_path: Path) -> None:
    """Once; a broken file is told to the timer and does no harm."""
    folder = tmp_path / "function"
    folder.mkdir()
    path = staged(folder)
    assert await post(Settings.from_environ(environ, folder), "/reconcile") == 204
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "models": {}}))
    assert await post(Settings.from_environ(environ, folder), "/reconcile") == 500


@pytest.mark.parametrize("path", ["/launch", "/reconcile"])
async def test_deployment_whose_store_cannot_be_opened_says_when_to_come_again(
    environ: dict[str, str], tmp_path: Path, path: str
) -> None:
    """The queue and the timer are answered as for any call that may work later, and it works as soon as it can."""
    (tmp_path / "zoo.sqlite3").mkdir()
    deployment = Deployment(Settings.from_environ(environ))
    assert await ask(deployment, path) == 503
    (tmp_path / "zoo.sqlite3").rmdir()
    assert await ask(deployment, path) == 204


def test_launcher_imports_nothing_that_it_does_not_use() -> None:
    """A cold start waits for every import."""
    program = (
        "import sys; import job_launcher.deployment;"
        "heavy = ('google.cloud.', 'google.auth', 'grpc', 'requests', 'sqlite3', 'psutil', 'graphql', 'numpy');"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
