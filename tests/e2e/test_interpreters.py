"""A model may run in another Python of another version, with packages of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.errors import EnvFault, ZookeeperError

from tests.conftest import in_ci
from tests.e2e.hosting import HostedZoo, furnish

ROOT = Path(__file__).parents[2]
NUMPY = {(3, 10): "1.26.4", (3, 11): "1.26.4", (3, 12): "1.26.4", (3, 13): "2.1.3"}
"""Versions by the Python they are made for, none of them the newest."""

CONFIGURATION = """
models:
  - {{path: models/teller.py, name: Elsewhere, python: {other}}}
  - {{path: models/teller.py, name: Here}}
  - {{path: models/teller.py, name: Bare, python: {bare}}}
  - {{path: models/teller.py, name: Vanished, python: {vanished}}}
environments:
  - {{name: Line, path: worlds/line.py}}
  - {{name: CartPole, type: gymnasium, env_name: CartPole-v1}}
"""
FILES = {
    "models/teller.py": """
import sys
import numpy as np
from ainimal_zookeeper import AInimal

class Teller(AInimal):
    AINIMAL_PARAMETERS = [{"name": "gain", "type": "float", "default": 1.0}]

    def __init__(self, gain=1.0):
        self.gain = gain
        print("python", "%d.%d" % sys.version_info[:2], "numpy", np.__version__)

    def forward(self, inputs):
        return {"move": np.float32(self.gain) * inputs["place"]}

    def train(self, trajectory):
        return {"loss": float(np.mean(trajectory.stack().rewards))}
""",
    "worlds/line.py": """
import numpy as np
from ainimal_zookeeper import Env, Modality

class Line(Env):
    observation_modalities = {"place": Modality.vector("place", 2)}
    action_modalities = {"move": Modality.vector("move", 2)}

    def reset(self, seed=None):
        self.steps = 0
        return np.zeros(2, np.float32)

    def step(self, action):
        self.steps += 1
        return np.full(2, self.steps, np.float32), float(action.sum()), self.steps == 50, False, {}
""",
}


def find_python(major: int, minor: int) -> Path | None:
    """Returns an interpreter of that version, if there is one on this machine."""
    name = f"python{major}.{minor}"
    folders = [*map(Path, os.environ.get("PATH", "").split(os.pathsep))]
    folders += sorted(Path.home().glob(f".pyenv/versions/{major}.{minor}.*/bin"))
    for folder in folders:
        found = shutil.which(name, path=str(folder))
        # A launcher of a version manager is there for every version, and fails for those not chosen.
        if found and subprocess.run([found, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return Path(found)
    return None


def other_python() -> tuple[Path, str]:
    """Returns an interpreter of another version than ours, the oldest that there is, and a NumPy for it."""
    for version in sorted(NUMPY):
        python = None if version == sys.version_info[:2] else find_python(*version)
        if python is not None:
            return python, NUMPY[version]
    pytest.skip(f"there is no other Python than {sys.version_info[0]}.{sys.version_info[1]} on this machine")


def make_environment(python: Path, folder: Path) -> Path:
    """A virtual environment with nothing in it."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True, capture_output=True, timeout=60)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostedZoo]:
    """A zoo whose model Elsewhere runs in another Python with an older NumPy, and Bare in one without any."""
    python, numpy = other_python()
    folder = tmp_path_factory.mktemp("interpreters")
    other = make_environment(python, folder / "other")
    bare = make_environment(python, folder / "bare")
    command = [sys.executable, "-m", "pip", "--python", str(other), "install", "-q", f"numpy=={numpy}"]
    installed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    if installed.returncode:
        reason = f"numpy {numpy} cannot be installed for {python}: {installed.stderr[-300:]}"
        if in_ci():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    vanished = folder / "vanished"
    vanished.symlink_to(bare)
    furnish(folder, CONFIGURATION.format(other=other, bare=bare, vanished=vanished), FILES)
    zoo = HostedZoo(folder, "--port", "0")
    try:
        assert zoo.url
        vanished.unlink()
        yield zoo
    finally:
        zoo.close()


@pytest.fixture(scope="module")
def zoo(hosted: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(hosted.url) as client:
        yield client


pytestmark = pytest.mark.network


def test_a_model_runs_in_the_python_that_it_names(zoo: Zookeeper) -> None:
    """It plays, learns and is watched as any other, with its own Python and its own NumPy, beside those with ours."""
    told = {}
    for model in ("Elsewhere", "Here"):
        instance = zoo.launch(model, "Line", gain=2.0, timeout_s=30)
        value = next(iter(instance.watch("inputs.place", rate=20)))
        assert value.value.shape == (2,)
        assert next(iter(instance.watch("metrics.loss", rate=20))).value >= 0
        told[model] = next(line.text for line in instance.logs(follow=True) if line.text.startswith("python"))
        instance.terminate().wait("TERMINATED", timeout_s=20)
    found = re.fullmatch(r"python (\d+)\.(\d+) numpy (\S+)", told["Elsewhere"])
    assert found
    assert NUMPY[int(found[1]), int(found[2])] == found[3]
    assert told["Elsewhere"] != told["Here"]


def test_a_world_whose_package_is_missing_there_says_where_to_install_it(zoo: Zookeeper, hosted: HostedZoo) -> None:
    """The fault is the environment's; it names the package and the interpreter that lacks it."""
    with pytest.raises(EnvFault, match="gymnasium") as caught:
        zoo.launch("Elsewhere", "CartPole", timeout_s=30)
    assert str(hosted.folder / "other" / "bin" / "python") in str(caught.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [("Bare", ["numpy", "bare/bin/python"]), ("Vanished", ["/vanished", "python"])],
)
def test_a_python_that_cannot_run_it_is_said(zoo: Zookeeper, model: str, said: list[str]) -> None:
    """An interpreter that has gone or lacks NumPy fails that instance alone, with what to do."""
    with pytest.raises(ZookeeperError) as caught:
        zoo.launch(model, "Line", timeout_s=30)
    for words in said:
        assert words in str(caught.value)


def test_a_python_that_is_too_old_says_so() -> None:
    """Its last words, which the zoo shows, are a sentence and no traceback."""
    python = find_python(3, 9) or find_python(3, 8)
    if python is None:
        pytest.skip("there is no Python 3.9 or 3.8 on this machine")
    done = subprocess.run(
        [python, "-m", "zookeeper_runner"],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT / "runner_image"), str(ROOT / "zookeeper_sdk")])},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert "a runner needs 3.10" in done.stderr
    assert "Traceback" not in done.stderr
