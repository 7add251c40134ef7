"""The API behind functions-framework, judged by suites and clients that others wrote."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ainimal_zookeeper.adapters.embedded.clock import SystemClock
from ainimal_zookeeper.adapters.embedded.store import SqliteStore
from ainimal_zookeeper.domain.documents import Collections

from tests.conftest import ToolFinder, in_ci
from tests.fakes import zoo

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "conformance" / "graphql"
AUDITS = 61


@pytest.fixture(scope="module")
def node(require_tool: ToolFinder) -> Path:
    """Node, with the suites installed."""
    found = require_tool("node", "apt-get install nodejs npm")
    if not (SUITE / "node_modules" / "graphql-http").is_dir():
        reason = "the suites are not installed; install them with: npm ci --prefix tests/conformance/graphql"
        if in_ci():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of `functions/graphql_api/main.py` on a zoo with one instance."""
    state = tmp_path_factory.mktemp("state")
    (state / "secret").write_bytes(zoo.SECRET)
    store = SqliteStore(state / "zoo.sqlite3")
    zoo.furnish(store)
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(SystemClock().now())))
    store.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = ROOT / "functions" / "graphql_api" / "main.py"
    log = state / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "functions_framework",
                    "--asgi",
                    "--source",
                    str(source),
                    "--target",
                    "graphql",
                ),
                *("--host", "127.0.0.1", "--port", str(port)),
            ],
            stdout=output,
            stderr=output,
            env={**os.environ, "ZOO_STATE_DIR": str(state)},
        )
        try:
            _await_health(server, f"http://127.0.0.1:{port}/healthz", log)
            yield f"http://127.0.0.1:{port}/graphql"
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await_health(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        if _is_healthy(address):
            return
        time.sleep(0.1)
    pytest.fail(f"the server did not come up:\n{log.read_text()}")


def _is_healthy(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def run(node: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(node), script, *arguments], cwd=SUITE, capture_output=True, text=True, timeout=90, check=False
    )


def test_every_audit_of_graphql_over_http_passes(node: Path, url: str) -> None:
    """All 61 audits of the working group are ok: what servers must, should and may do."""
    done = run(node, "audits.mjs", url)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == AUDITS, done.stderr


def test_a_client_of_graphql_over_sse_follows_an_instance(node: Path, url: str) -> None:
    """Snapshot, change, twenty streams at once, errors as results, queries as streams; no single connection mode."""
    done = run(node, "sse.mjs", url, "ins_1")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["first"]["kind"] == "SNAPSHOT"
    assert seen["first"]["instances"] == [{"id": "ins_1", "desiredPhase": "RUNNING"}]
    assert seen["paused"] is True
    assert seen["snapshots"] == ["SNAPSHOT"] * 20
    assert seen["invalid"] == [{"data": None, "errors": 1}]
    assert seen["query"] == [{"__typename": "Query"}]
    assert seen["put"] == 405
