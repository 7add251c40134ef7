"""What a runner has imported by the end of a run."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.e2e.runners import CARTPOLE, Processes, ended
from tests.fakes.runner_link import launch_of, wanted

NAMESPACES = {"google", "google.cloud"}  # empty, and made for every process where functions-framework is installed
CLOUD = ("google", "grpc", "firebase_admin", "kubernetes")

OBSERVANT = """
import atexit, sys
from pathlib import Path

class Observant:
    def __init__(self):
        atexit.register(lambda: Path({place!r}).write_text(" ".join(sys.modules)))
    def act(self, observation):
        return 0
    def train(self, trajectory):
        return {{"loss": 0.0}}
"""


def test_a_runner_imports_no_library_of_a_cloud(processes: Processes, tmp_path: Path) -> None:
    """From the claim to the end of a run that acts, learns and reports: it speaks HTTPS, and holds no credentials."""
    place = tmp_path / "modules"
    model = processes.model(OBSERVANT.format(place=str(place)))
    both = wanted(training=True)
    link = processes.link(launch_of(model=model, environment=CARTPOLE, desired=both))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    link.desire("ins_1", wanted("TERMINATED", training=True))

    assert ended(process) == 0
    modules = place.read_text().split()
    assert "zookeeper_runner.reporting" in modules
    assert "gymnasium" in modules
    brought = set(modules) - NAMESPACES
    assert [name for name in brought if name.split(".", maxsplit=1)[0] in CLOUD] == []


def test_what_a_runner_is_installed_with_has_no_library_of_a_cloud() -> None:
    """None is among the dependencies without extras, nor among theirs."""
    found: set[str] = set()
    waiting = ["ainimal-zookeeper"]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            try:
                needed = [Requirement(line) for line in requires(name) or []]
            except PackageNotFoundError:
                continue  # of another platform
            waiting += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]

    assert "numpy" in found
    assert [name for name in found if name.startswith(("google-", "grpc", "firebase", "kubernetes"))] == []
