"""The wheel: what it carries, and that nothing else is needed to open a zoo."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import in_ci

ROOT = Path(__file__).parents[2]
WEB = ROOT / "zookeeper_sdk/ainimal_zookeeper/client/web"
INDEX_TIMEOUT_S = 400


def build(folder: Path) -> Path:
    """Returns a wheel built from the working tree into `folder`."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (WEB / "index.html").is_file():
        reason = "the web client is not built; build it with: make client"
        if in_ci():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return build(tmp_path_factory.mktemp("dist"))


def test_it_carries_all_that_a_zoo_needs(wheel: Path) -> None:
    """The built client, the schema, the example zoo and all packages are in it."""
    names = set(zipfile.ZipFile(wheel).namelist())

    built = {f"ainimal_zookeeper/client/web/{path.relative_to(WEB)}" for path in WEB.rglob("*") if path.is_file()}
    schema = {
        f"graphql_api/schema/{path.name}"
        for path in (ROOT / "functions/graphql_api/graphql_api/schema").glob("*.graphql")
    }
    example = {f"ainimal_zookeeper/example/ainimals/{path.name}" for path in (ROOT / "ainimals").glob("*.py")}
    deployed = {
        f"ainimal_zookeeper/staging/functions/{path.parent.name}/{path.name}"
        for name in ("main.py", "requirements.txt")
        for path in (ROOT / "functions").glob(f"*/{name}")
    }
    needed = {"ainimal_zookeeper/example/zoo.py", "ainimal_zookeeper/py.typed", "zookeeper_runner/__main__.py"}
    assert len(built) > 1
    assert schema
    assert example
    assert len(deployed) == 6
    assert (built | schema | example | deployed | needed) - names == set()


def test_it_carries_nothing_else(wheel: Path) -> None:
    """No tests, no packages of the web client, no state, no secrets."""
    roots = {"ainimal_zookeeper", "graphql_api", "job_launcher", "runner_link", "zookeeper_runner"}

    for name in zipfile.ZipFile(wheel).namelist():
        top, *rest = Path(name).parts
        assert top in roots or top.endswith(".dist-info"), name
        assert not {"node_modules", "__pycache__", ".zoo", ".env.local"} & set(rest), name


def test_the_same_sources_give_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    """A second build is equal to the first, byte by byte."""
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


def test_it_stages_what_a_clone_stages(wheel: Path, tmp_path: Path) -> None:
    """Who installed it deploys the very same functions; only a clone can name the commit that its models are at."""
    installed = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(installed)
    staged = {}
    for name, variables in (("wheel", {"PYTHONPATH": str(installed)}), ("clone", {})):
        command = [sys.executable, "-m", "ainimal_zookeeper.cli", "stage", "--to", str(tmp_path / name)]
        environ = {"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(ROOT), **variables}
        subprocess.run(command, check=True, cwd=tmp_path, env=environ, capture_output=True)
        staged[name] = {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.zip")}

    assert len(staged["wheel"]) == 3
    assert staged["wheel"] == staged["clone"]


@pytest.mark.network
@pytest.mark.timeout(INDEX_TIMEOUT_S)
def test_an_empty_environment_opens_a_zoo(wheel: Path, tmp_path: Path) -> None:
    """Installed with pip alone, `zoo up` serves the client and the API of the example, without Node."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True, capture_output=True)
    subprocess.run(
        [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel],
        check=True,
        capture_output=True,
    )
    zoo = environment / "bin" / "zoo"
    folder = tmp_path / "empty"
    folder.mkdir()
    variables = {"PATH": str(environment / "bin"), "HOME": str(folder), "LANG": "C.UTF-8"}

    helped = subprocess.run([zoo, "--help"], capture_output=True, text=True, check=True, env=variables)
    assert "launch" in helped.stdout

    with opened([str(zoo), "up", "--port", "0"], folder, variables) as url:
        page = httpx.get(url)
        answer = httpx.post(
            f"{url}/graphql", json={"query": "{ server { version } models { nodes { name findings } } }"}
        ).json()
    assert page.status_code == 200
    assert '<script type="module"' in page.text
    assert answer["data"]["server"]["version"] in wheel.name
    assert answer["data"]["models"]["nodes"]


@contextmanager
def opened(command: list[str], folder: Path, variables: dict[str, str]) -> Iterator[str]:
    """Runs a zoo and yields its address; afterwards it is asked to stop, and must do so well."""
    process = subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reading.start()
    try:
        until = time.monotonic() + 30
        found = None
        while found is None and time.monotonic() < until and process.poll() is None:
            found = re.search(r"http://[\w.:]+", "".join(lines))
            time.sleep(0.05)
        assert found is not None, "".join(lines)
        yield found[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0, "".join(lines)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reading.join(timeout=5)
        process.stdout.close()
