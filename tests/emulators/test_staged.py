"""The staged API on the Firestore emulator, and what serving a request imports."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest
from google.cloud import firestore

from tests.e2e.staged import INSTALL_TIMEOUT_S, install, served, stage_example

pytestmark = pytest.mark.emulators

ROOT = Path(__file__).parents[2]
NAME = "A zoo on Firestore"
SERVE = """
import asyncio, functions_framework.aio, httpx, json, sys
target, path, body = sys.argv[1:]
app = functions_framework.aio.create_asgi_app(target, "main.py")
async def ask():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.post(path, json=json.loads(body), timeout=30)
        print(json.dumps([answer.status_code, answer.text, sorted(sys.modules)]))
asyncio.run(ask())
"""
UNASKED = (
    "PIL",
    "firebase_admin",
    "google.cloud.pubsub",
    "google.cloud.pubsub_v1",
    "google.cloud.storage",
    "google.pubsub_v1",
    "gymnasium",
    "kubernetes",
    "numpy",
    "torch",
    "websockets",
    "yaml",
)
QUERY = {"query": "{ server { name } }"}
PUSH = {
    "subscription": "projects/zoo/subscriptions/launch",
    "message": {
        "messageId": "1",
        "attributes": {"id": "msg_1"},
        "data": base64.b64encode(json.dumps({"instanceId": "ins_none", "attempt": 1}).encode()).decode(),
    },
}


@pytest.fixture
def variables(firestore_emulator: None, tmp_path: Path) -> dict[str, str]:
    """The settings of functions on a project of their own, which has one document."""
    project = f"test-{uuid.uuid4().hex[:8]}"
    client = firestore.Client(project=project)
    client.document("configuration/zoo").set({"id": "zoo", "name": NAME})
    client.close()
    address = os.environ["FIRESTORE_EMULATOR_HOST"]
    return {
        "PATH": os.environ["PATH"],
        "ZOO_PROFILE": "emulators",
        "ZOO_STATE_DIR": str(tmp_path),
        "ZOO_SECRET": base64.b64encode(bytes(range(32))).decode(),
        "ZOO_BUCKET": "zoo",
        "ZOO_LINK_URL": "http://127.0.0.1:1",
        "GOOGLE_CLOUD_PROJECT": project,
        "FIRESTORE_EMULATOR_HOST": address,
        "PUBSUB_EMULATOR_HOST": address,  # nobody asks the other two
        "STORAGE_EMULATOR_HOST": f"http://{address}",
    }


@pytest.mark.network
@pytest.mark.timeout(INSTALL_TIMEOUT_S)
def test_the_staged_api_serves_from_firestore(variables: dict[str, str], tmp_path: Path) -> None:
    """Installed into an empty environment it reads a document and answers."""
    folder = stage_example(tmp_path / "staged")["graphql_api"]
    framework = install(folder, tmp_path / "environment")

    with served(framework, folder, "graphql", variables) as url:
        answer = httpx.post(f"{url}/graphql", json=QUERY, timeout=30)

    assert answer.json() == {"data": {"server": {"name": NAME}}}


@pytest.mark.parametrize(
    ("folder", "target", "path", "body", "status"),
    [("graphql_api", "graphql", "/graphql", QUERY, 200), ("job_launcher", "launch", "/", PUSH, 204)],
)
def test_one_document_costs_the_import_of_one_library(
    variables: dict[str, str], folder: str, target: str, path: str, body: object, status: int
) -> None:
    """Firestore's is there once it was asked; Pub/Sub, Storage, Firebase and all else still wait."""
    done = subprocess.run(
        [sys.executable, "-c", SERVE, target, path, json.dumps(body)],
        cwd=ROOT / "functions" / folder,
        env=variables,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    answered, text, modules = json.loads(done.stdout)
    assert answered == status, text
    assert "google.cloud.firestore" in modules
    assert [name for name in modules if name.startswith(tuple(f"{each}." for each in UNASKED)) or name in UNASKED] == []
