"""The API as it is deployed: whom it lets in, and where it refuses to start."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.hosting import until
from tests.emulators.processes import free_address
from tests.fakes.certificates import SigningKey
from tests.fakes.google import Project, google

FUNCTION = Path(__file__).parents[2] / "functions" / "graphql_api"
PROGRAM = Path(sys.executable).with_name("functions-framework")
VIEWER = "{viewer{anonymous can}}"
CLOUD = {
    "K_SERVICE": "zoo-api",
    "ZOO_PROFILE": "gcp",
    "ZOO_SECRET": base64.b64encode(b"s" * 32).decode(),
    "GOOGLE_CLOUD_PROJECT": "a-zoo",
    "ZOO_BUCKET": "a-bucket",
}


def start(environ: Mapping[str, str], address: str, log: Path) -> subprocess.Popen[bytes]:
    host, _, port = address.partition(":")
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_EMULATOR_HOST")}
    with log.open("wb") as output:
        return subprocess.Popen(
            [str(PROGRAM), "--target", "graphql", "--source", "main.py", "--host", host, "--port", port],
            cwd=FUNCTION,
            env={**inherited, **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.mark.parametrize("profile", ["gcp", "emulators", "embedded"])
def test_emulator_identity_in_the_cloud_stops_the_start(tmp_path: Path, profile: str) -> None:
    """Whoever sets it there could be anybody: the program ends, and says which variable to remove."""
    (tmp_path / "secret").write_bytes(b"s" * 32)
    environ = {**CLOUD, "ZOO_PROFILE": profile, "ZOO_STATE_DIR": str(tmp_path)}
    environ["FIREBASE_AUTH_EMULATOR_HOST"] = "127.0.0.1:9099"
    started = start(environ, free_address(), tmp_path / "log")
    assert started.wait(60) != 0
    last = (tmp_path / "log").read_text().strip().splitlines()[-1]
    assert "FIREBASE_AUTH_EMULATOR_HOST is set in Cloud Run; emulators believe everybody: remove it" in last


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey("one")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Iterator[tuple[str, Path]]:
    """Address and log of the API in a cloud that has what signing in needs."""
    folder = tmp_path_factory.mktemp("cloud")
    address, log = free_address(), folder / "log"
    with google(folder) as (served, environ):
        served.offer(key)
        process = start({**CLOUD, **environ}, address, log)
        try:
            until(lambda: process.poll() is not None or answers(address))
            assert process.poll() is None, log.read_text()
            yield f"http://{address}", log
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def answers(address: str) -> bool:
    try:
        return ask(f"http://{address}").status_code == 200
    except httpx.TransportError:
        return False


def ask(url: str, token: str | None = None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{url}/graphql", params={"query": VIEWER}, headers=headers, trust_env=False, timeout=30)


def test_in_the_cloud_only_a_token_gives_rights(cloud: tuple[str, Path], key: SigningKey) -> None:
    """Nobody may do anything there, this computer's visitor included; and no token, right or wrong, is logged."""
    url, log = cloud
    assert ask(url).json()["data"]["viewer"] == {"anonymous": True, "can": []}
    project = Project("a-zoo", key)
    right = project.token()
    assert "LAUNCH" in ask(url, right).json()["data"]["viewer"]["can"]
    wrong: list[Any] = [project.token(exp=1), project.unsigned(), project.token(key=SigningKey("one")), "nonsense"]
    for token in wrong:
        refused = ask(url, token)
        assert refused.status_code == 401
        assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    logged = log.read_text()
    assert not [part for token in (right, *wrong) for part in token.split(".") if len(part) > 40 and part in logged]
