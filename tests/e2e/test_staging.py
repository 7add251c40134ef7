"""Staged folders: each installed into an empty environment, from where it serves."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest

from tests.e2e.staged import INSTALL_TIMEOUT_S, install, served, stage_example

pytestmark = [pytest.mark.network, pytest.mark.timeout(INSTALL_TIMEOUT_S)]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return stage_example(tmp_path_factory.mktemp("staged"))


def variables(state: Path) -> dict[str, str]:
    """Returns the settings of the embedded profile on an empty state directory."""
    state.mkdir()
    return {
        "ZOO_PROFILE": "embedded",
        "ZOO_STATE_DIR": str(state),
        "ZOO_SECRET": base64.b64encode(bytes(range(32))).decode(),
        "ZOO_PUBLIC_URL": "http://127.0.0.1:1",
        "ZOO_LINK_URL": "http://127.0.0.1:1/runner",
    }


def installed_in(framework: Path) -> set[str]:
    """Returns the names of the distributions beside `framework`."""
    found = framework.parents[1].glob("lib/python*/site-packages/*.dist-info")
    return {path.name.split("-")[0].lower() for path in found}


def test_the_api_and_the_launcher_serve_the_zoo_that_was_staged(staged: dict[str, Path], tmp_path: Path) -> None:
    """The reconciler brings the configuration, and the API shows it: nothing but the two folders is needed."""
    settings = variables(tmp_path / "state")
    launcher = install(staged["job_launcher"], tmp_path / "launcher")
    api = install(staged["graphql_api"], tmp_path / "api")

    with served(launcher, staged["job_launcher"], "reconcile", settings) as url:
        assert httpx.post(url, json={}, timeout=30).status_code == 204
    with served(api, staged["graphql_api"], "graphql", settings) as url:
        query = "{ server { name version } models { nodes { name } } environments { nodes { name } } }"
        answer = httpx.post(f"{url}/graphql", json={"query": query}, timeout=30)

    assert answer.status_code == 200, answer.text
    shown = answer.json()["data"]
    assert shown["server"]["name"] == "Example zoo"
    assert "Balancer" in {model["name"] for model in shown["models"]["nodes"]}
    assert "CartPole" in {world["name"] for world in shown["environments"]["nodes"]}
    for framework in (api, launcher):
        assert not {"numpy", "gymnasium", "pillow", "torch", "pyyaml"} & installed_in(framework)


def test_the_runner_link_serves(staged: dict[str, Path], tmp_path: Path) -> None:
    """It turns away whoever has no token of an attempt."""
    framework = install(staged["runner_link"], tmp_path / "link")

    with served(framework, staged["runner_link"], "link", variables(tmp_path / "state")) as url:
        answer = httpx.post(f"{url}/claim", json={}, timeout=30)

    assert answer.status_code == 401
    assert not {"numpy", "gymnasium", "pillow", "torch", "pyyaml"} & installed_in(framework)
