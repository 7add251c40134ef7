"""The Python client and the command line, on a real zoo."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.client.site import BUILT
from ainimal_zookeeper.domain.errors import AInimalFault, AlreadyExists, InvalidInput, InvalidTransition, NotFound

from tests.conftest import ToolFinder, in_ci
from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until

CONFIGURATION = """
name: clients
models:
  - path: pole.py
  - path: doubler.py
  - path: broken.py
  - path: counter.py
environments:
  - name: CartPole
    type: gymnasium
    env_name: CartPole-v1
"""
FILES = {
    "pole.py": """
class Pole:
    AINIMAL_PARAMETERS = [{"name": "side", "type": "int", "default": 1, "range": [0, 1]}]

    def __init__(self, side=1):
        self.side = side
        print("a pole leans to", side)

    def act(self, observation):
        return self.side
""",
    "doubler.py": """
from ainimal_zookeeper import AInimal, Modality


class Doubler(AInimal):
    @property
    def input_modalities(self):
        return {"x": Modality("x", "VECTOR", (100,))}

    def forward(self, inputs):
        return {"twice": inputs["x"] * 2}
""",
    "counter.py": """
import pathlib

import numpy as np


class Counter:
    AINIMAL_PARAMETERS = [
        {"name": "start", "type": "int", "default": 0},
        {"name": "stride", "type": "int", "default": 1},
    ]

    def __init__(self, start=0, stride=1):
        self.count, self.stride = start, stride

    def act(self, observation):
        self.count += self.stride
        return 0

    def save(self, path):
        (pathlib.Path(path) / "count").write_text(f"{self.count} {self.stride}")
        np.savez(pathlib.Path(path) / "seen.npz", counts=np.full(4, self.count), ones=np.ones(3))

    def load(self, path):
        count, stride = (pathlib.Path(path) / "count").read_text().split()
        assert int(stride) == self.stride, "saved with another stride"
        self.count = int(count)
        print("goes on from", self.count)
""",
    "broken.py": """
class Broken:
    def __init__(self):
        raise ValueError("nothing works")

    def act(self, observation):
        return 0
""",
}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def hosted(tmp_path: Path, start_zoo: ZooStarter) -> HostedZoo:
    furnish(tmp_path, CONFIGURATION, FILES)
    return start_zoo(tmp_path)


@pytest.fixture
def zoo(hosted: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(hosted.url) as zoo:
        yield zoo


@pytest.fixture
def run(hosted: HostedZoo) -> Run:
    """Runs `zoo` in the folder of a zoo, whose address it finds by itself."""
    assert hosted.url

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ainimal_zookeeper.cli", *arguments]
        return subprocess.run(command, cwd=hosted.folder, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_a_script_steers_an_instance(zoo: Zookeeper) -> None:
    """Launched, watched, paused, stepped, changed, resumed, ended and removed, each with the effect that it names."""
    pole = zoo.launch("Pole", "CartPole", side=0)

    value = next(iter(pole.watch("inputs.observation", rate=20)))
    assert value.value.shape == (4,)
    assert value.value.dtype == np.float32

    pole.pause().settled()
    before = pole.info.acknowledged_at_step
    assert before is not None
    pole.step(3)
    assert until(lambda: pole.refresh().info.stats.step == before + 3)
    assert pole.phase == "PAUSED"

    assert pole.mode("inference").settled().info.mode == "inference"
    assert pole.rate(100).settled().info.rate == 100
    pole.resume().wait("RUNNING")
    assert pole.terminate().wait("TERMINATED").ended
    pole.delete()
    assert pole.id not in {instance.id for instance in zoo.instances()}


def test_arrays_survive_inference(zoo: Zookeeper) -> None:
    """What a model without an environment gets and gives are arrays."""
    doubler = zoo.launch("Doubler")

    outputs = doubler.infer({"x": np.arange(100, dtype=np.float32)})

    assert outputs["twice"].tolist() == [2.0 * number for number in range(100)]


def test_a_script_saves_goes_back_and_launches_from_what_it_saved(zoo: Zookeeper) -> None:
    """The state and the parameters that are not given come with a checkpoint; what grew from it says so."""
    counter = zoo.launch("Counter", "CartPole", start=1000, stride=2)
    first = counter.save_checkpoint("first")
    counter.pause().settled()
    second = counter.save_checkpoint()

    assert (first.tag, first.kept, first.kind, first.instance) == ("first", True, "ASKED", counter.name)
    assert second.parents == (first.commit,)
    assert [saved.tag for saved in counter.checkpoints()] == [second.tag, "first"]
    with pytest.raises(AlreadyExists, match="first"):
        counter.save_checkpoint("first")

    counter.restore("first")
    assert (counter.phase, counter.info.timeline, counter.info.attempt) == ("PAUSED", 2, 1)
    assert until(lambda: f"goes on from {1000 + 2 * first.step}" in [line.text for line in counter.logs()])

    child = zoo.launch("Counter", "CartPole", checkpoint=first, start=5)
    assert child.info.parameters == {"start": 5, "stride": 2}
    assert child.save_checkpoint("child").parents == (first.commit,)

    second.delete()
    assert [saved.tag for saved in zoo.checkpoints("Counter")] == ["child", "first"]
    with pytest.raises(NotFound):
        second.delete()


def test_a_shell_saves_goes_back_and_clones(run: Run, require_tool: ToolFinder, hosted: HostedZoo) -> None:
    """Each verb in the folder of the zoo; plain git reads the clone."""
    git = str(require_tool("git", "apt-get install git"))
    launched = run("launch", "Counter", "--env", "CartPole", "--name", "Abacus", "--wait")
    assert launched.returncode == 0, launched.stderr
    saved = run("checkpoint", "save", "Abacus", "--tag", "steady")
    assert re.match(r"Abacus is saved as steady \(chk_[0-9a-f]{40}\): step \d+, [\d,]+ bytes$", saved.stdout), (
        saved.stderr
    )
    restored = run("checkpoint", "restore", "Abacus", "stea", "--wait")
    assert restored.stdout.endswith("is RUNNING on timeline 2\n"), restored.stderr
    assert run("checkpoint", "save", "Abacus", "--tag", "again").returncode == 0
    rows = json.loads(run("checkpoint", "ls", "--instance", "Abacus", "--json").stdout)
    assert [row["tag"] for row in rows] == ["again", "steady"]
    taken = run("checkpoint", "save", "Abacus", "--tag", "steady")
    assert taken.returncode == 4, taken.stderr

    cloned = run("checkpoint", "clone", "Counter", "lineage", "--payload")
    assert cloned.returncode == 0, cloned.stderr
    log = subprocess.run(
        [git, "log", "--graph", "--decorate", "--all", "--format=%D"],
        cwd=hosted.folder / "lineage", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line for line in log.stdout.splitlines() if "tag: " in line] == [
        "* HEAD -> main, tag: again",
        "* tag: steady",
    ]
    subprocess.run([git, "fsck", "--strict"], cwd=hosted.folder / "lineage", capture_output=True, check=True)


def test_a_script_saves_what_it_holds_and_ends_and_compares_it(zoo: Zookeeper) -> None:
    """What is saved is what it was held at, to the step, and what is put back differs from it in nothing."""
    counter = zoo.launch("Counter", "CartPole", start=10)
    first = counter.save_checkpoint("first")
    assert until(lambda: counter.refresh().info.stats.step > first.step)
    held = counter.pause(save="held").saved
    assert held is not None
    assert counter.settled().phase == "PAUSED"
    assert counter.info.acknowledged_at_step == held.step > first.step

    difference = zoo.checkpoint_diff("first", "held")
    count, seen = difference.tensors
    assert (count.path, count.change, count.norm) == ("count", "changed", None)
    assert (seen.path, seen.norm, seen.from_shape) == ("seen.npz/counts", 2.0 * (held.step - first.step), (4,))
    other = zoo.launch("Counter", "CartPole", start=3, stride=2, paused=True)
    assert {row.name for row in first.diff(other.save_checkpoint("other")).parameters} == {"start", "stride"}

    counter.restore("first")
    assert not first.diff(counter.save_checkpoint("again"))
    with pytest.raises(AlreadyExists, match=r"first.*; it is not terminated"):
        counter.resume().terminate(save="first")
    assert counter.refresh().info.desired_phase == "RUNNING"
    last = counter.terminate(save=True).saved
    assert last is not None
    assert counter.wait("TERMINATED").info.stats.step == last.step
    assert not last.diff(last)
    with pytest.raises(InvalidTransition):
        counter.terminate(save=True)


def test_a_shell_saves_what_it_holds_and_ends_and_compares_it(run: Run) -> None:
    """The same by `zoo`, in a pipe."""
    launched = run("launch", "Counter", "--env", "CartPole", "--name", "Abacus", "--wait")
    assert launched.returncode == 0, launched.stderr
    held = run("pause", "Abacus", "--save", "held", "--wait").stdout.splitlines()
    assert [re.sub(r" \(.*| is PAUSED.*", "", line) for line in held] == ["Abacus is saved as held", "Abacus"]
    assert run("step", "Abacus", "2", "--wait").returncode == 0
    ended = run("terminate", "Abacus", "--save=last", "--wait", "--json")
    assert json.loads(ended.stdout)["checkpoint"]["tag"] == "last", ended.stderr

    compared = run("checkpoint", "diff", "held", "last")
    assert compared.stdout.splitlines()[0].split() == ["path", "change", "norm", "relative", "shape", "dtype"]
    assert "seen.npz/counts" in compared.stdout
    assert run("checkpoint", "diff", "held", "nothing").returncode == 3


def test_errors_keep_their_kind(zoo: Zookeeper) -> None:
    """What the zoo raised there is raised here."""
    with pytest.raises(InvalidInput, match=r"side is 7; it must be from 0 to 1") as caught:
        zoo.launch("Pole", "CartPole", side=7)
    assert caught.value.path[-1] == "side"
    with pytest.raises(AInimalFault, match="nothing works") as fault:
        zoo.launch("Broken", "CartPole")
    assert "broken.py" in (fault.value.traceback or "")
    pole = zoo.launch("Pole", "CartPole")
    with pytest.raises(NotFound, match=r"env\.reward"):
        next(iter(pole.watch("env.rewad")))


def test_the_command_line_steers_an_instance(run: Run) -> None:
    """The same by `zoo`, in a pipe."""
    models = [row["name"] for row in json.loads(run("models", "--json").stdout)]
    assert models == ["Broken", "Counter", "Doubler", "Pole"]

    launched = run("launch", "pole", "--env", "cart", "--name", "Rex", "--param", "side=0", "--wait")
    assert re.fullmatch(r"Rex \(ins_\w+\) is RUNNING\n", launched.stdout), launched.stderr

    watched = run("watch", "Rex", "env.reward", "--json", "--rate", "20", "--count", "3").stdout.splitlines()
    assert [json.loads(line)["value"] for line in watched] == [1.0, 1.0, 1.0]

    assert "is PAUSED" in run("pause", "Rex", "--wait").stdout
    assert until(lambda: "a pole leans to 0" in run("logs", "Rex").stdout)
    assert run("terminate", "Rex", "--wait").stdout.startswith("Rex (")
    assert "TERMINATED" in run("instances").stdout


def test_the_command_line_tells_what_failed(run: Run) -> None:
    """Each failure has its status, and a broken model its traceback."""
    assert run("pause", "Nobody").returncode == 3
    assert run("launch", "Pole", "--param", "side=7").returncode == 2
    broken = run("launch", "Broken", "--env", "CartPole", "--wait")
    assert broken.returncode == 14
    assert 'raise ValueError("nothing works")' in broken.stderr


def test_the_doctor_finds_a_running_zoo_well(run: Run) -> None:
    """All checks pass, its canary included."""
    result = run("doctor", "--json", "--canary", "Doubler")
    findings = {finding["check"]: finding for finding in json.loads(result.stdout)}

    assert result.returncode == 0, findings
    assert {findings[check]["level"] for check in ("zoo", "canary", "state folder")} == {"ok"}
    assert {level["level"] for check, level in findings.items() if check.startswith("database")} == {"ok"}


def test_a_probe_needs_no_zoo(tmp_path: Path) -> None:
    """A file is loaded in a process of its own, and what was inferred is told."""
    furnish(tmp_path, CONFIGURATION, FILES)

    def probe(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ainimal_zookeeper.cli", "probe", str(tmp_path / name), "--json"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert json.loads(probe("pole.py").stdout)["trainable"] is False
    assert probe("broken.py").returncode == 14
    assert "nothing works" in probe("broken.py").stderr


def test_the_web_client_is_served_alone() -> None:
    """`python3 -m ainimal_zookeeper.client` prints where the page is, and ends well."""
    if not (BUILT / "index.html").is_file():
        reason = "the web client is not built; build it with: make client"
        if in_ci():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    command = [sys.executable, "-m", "ainimal_zookeeper.client", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        page = httpx.get(f"{found[0]}/instances/ins_1")
        assert page.status_code == 200
        assert "default-src 'self'" in page.headers["content-security-policy"]
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
