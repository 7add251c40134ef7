"""The functions: what their entry points serve."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"

SERVE = """
import asyncio, functions_framework.aio, httpx, sys
app = functions_framework.aio.create_asgi_app(sys.argv[1], sys.argv[2])
async def ask():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://function") as client:
        print((await client.post(sys.argv[3], content=b"{}")).status_code)
asyncio.run(ask())
"""


@pytest.mark.parametrize(
    ("folder", "target", "path", "status"),
    [
        ("graphql_api", "graphql", "/healthz", 200),
        ("runner_link", "link", "/claim", 401),
        ("job_launcher", "launch", "/", 204),
        ("job_launcher", "reconcile", "/", 204),
    ],
)
def test_entry_point_serves_on_its_own(tmp_path: Path, folder: str, target: str, path: str, status: int) -> None:
    """Each function starts from its own folder by functions-framework and answers."""
    (tmp_path / "secret").write_bytes(b"x" * 32)
    environ = {
        "ZOO_STATE_DIR": str(tmp_path),
        "ZOO_PUBLIC_URL": "http://127.0.0.1:1",
        "ZOO_LINK_URL": "http://127.0.0.1:1/runner",
    }
    source = str(FUNCTIONS / folder / "main.py")
    command = [sys.executable, "-c", SERVE, target, source, path]
    done = subprocess.run(
        command, check=False, env=environ, cwd=FUNCTIONS / folder, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == str(status), done.stderr
