"""The runner link as it is deployed: what stands behind its entry point."""

from __future__ import annotations

from pathlib import Path

import httpx
from runner_link.deployment import Deployment
from runner_link.settings import Settings
from starlette.applications import Starlette
from starlette.routing import Route


async def test_deployment_whose_store_cannot_be_opened_says_when_to_come_again(tmp_path: Path) -> None:
    """A runner gets an answer that it understands, and a real one as soon as there is one."""
    (tmp_path / "secret").write_bytes(b"x" * 32)
    (tmp_path / "zoo.sqlite3").mkdir()
    deployment = Deployment(Settings.from_environ({"ZOO_STATE_DIR": str(tmp_path), "ZOO_PUBLIC_URL": "http://zoo"}))
    refused = await claim(deployment)
    assert (refused.status_code, refused.json()["code"], "Retry-After" in refused.headers) == (503, "UNAVAILABLE", True)
    (tmp_path / "zoo.sqlite3").rmdir()
    assert (await claim(deployment)).json()["code"] == "UNAUTHENTICATED"


async def claim(deployment: Deployment) -> httpx.Response:
    transport = httpx.ASGITransport(Starlette(routes=[Route("/claim", deployment.handle, methods=["POST"])]))
    async with httpx.AsyncClient(transport=transport, base_url="http://link") as client:
        return await client.post("/claim", json={"protocol": 1, "instanceId": "ins_1", "attempt": 1})
