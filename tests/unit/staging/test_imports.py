"""What a function imports before anybody has asked it for anything."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from ainimal_zookeeper.staging.reach import imports, reached

ROOT = Path(__file__).parents[3]
FUNCTIONS = ROOT / "functions"

IMPORT = """
import functions_framework.aio, sys
functions_framework.aio.create_asgi_app(sys.argv[1], "main.py")
print(*sys.modules)
"""
LATER = (
    "PIL",
    "cryptography",
    "dulwich",
    "firebase_admin",
    "google",
    "grpc",
    "gymnasium",
    "kubernetes",
    "numpy",
    "torch",
    "websockets",
    "yaml",
)
"""Packages that no function imports when it starts: each waits for the first request that wants it."""

CLOUD = {
    "ZOO_PROFILE": "gcp",
    "ZOO_SECRET": base64.b64encode(bytes(range(32))).decode(),
    "ZOO_BUCKET": "zoo",
    "ZOO_LINK_URL": "https://link.example",
    "ZOO_CALLER_ACCOUNT": "caller@zoo.iam.gserviceaccount.com",
    "ZOO_CALLER_AUDIENCE": "https://launch.example",
    "GOOGLE_CLOUD_PROJECT": "zoo",
    "K_SERVICE": "zoo",
}


@pytest.mark.parametrize(
    ("folder", "target"),
    [("graphql_api", "graphql"), ("job_launcher", "launch"), ("job_launcher", "reconcile"), ("runner_link", "link")],
)
def test_a_cold_start_imports_nothing_that_may_wait(folder: str, target: str) -> None:
    """Settings as in the cloud; no library of a service is there before a request wants it."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, target],
        cwd=FUNCTIONS / folder,
        env=CLOUD,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    modules = done.stdout.split()
    assert folder in modules
    assert [name for name in modules if is_premature(name)] == []


def is_premature(module: str) -> bool:
    # functions-framework itself brings google.cloud.functions, which is a few dataclasses.
    if module.startswith("google.cloud.functions") or module in {"google", "google.cloud"}:
        return False
    return module.split(".", maxsplit=1)[0] in LATER


def test_a_runner_can_come_to_import_no_library_of_a_cloud() -> None:
    """Neither it nor what it uses of the SDK, even late: whatever user code does, it holds no credentials."""
    runner = [path.read_bytes() for path in (ROOT / "runner_image" / "zookeeper_runner").rglob("*.py")]
    sdk = ROOT / "zookeeper_sdk" / "ainimal_zookeeper"
    modules = {
        ".".join((sdk.name, *path.relative_to(sdk).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in sdk.rglob("*.py")
    }
    used = reached(runner, modules)

    assert "ainimal_zookeeper.models.python_class" in used
    names = {name for source in (*runner, *(path.read_bytes() for path in used.values())) for name in imports(source)}
    cloud = {"google", "grpc", "firebase_admin", "kubernetes", "cryptography"}
    assert [name for name in names if name.split(".", maxsplit=1)[0] in cloud] == []
