"""Kill -9 at any moment of a save: no tag whose bytes are not whole, and none lost that somebody was promised."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import pytest
from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.checkpoints import Repository
from ainimal_zookeeper.client import Instance, Zookeeper
from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.ports.bucket import Bucket

from tests.e2e.hosting import HostedZoo, furnish, until
from tests.fakes.clock import FakeClock

ROUNDS = 20
BUDGET_S = 30.0  # a busy machine makes fewer rounds
ZOO = """
models:
  - {path: heavy.py, rate: 500, autosave_steps: 25}
environments:
  - {name: Line, path: line.py}
"""
FILES = {
    "heavy.py": """
from pathlib import Path

class Heavy:
    weights = bytes(range(256)) * 8_192

    def act(self, observation):
        return 1

    def save(self, path):
        for part in "abc":
            (Path(path) / part).write_bytes(self.weights)

    def load(self, path):
        for part in "abc":
            assert (Path(path) / part).read_bytes() == self.weights
""",
    "line.py": """
import numpy as np
from ainimal_zookeeper import Env, Modality

class Line(Env):
    observation_modalities = {"place": Modality.vector("place", 1)}
    action_modalities = {"move": Modality.discrete("move", 2)}

    def reset(self, seed=None):
        return np.zeros(1, np.float32)

    def step(self, action):
        return np.zeros(1, np.float32), 1.0, False, False, {}
""",
}


class Collector:
    """Saves without a pause, in a thread, and remembers what it was promised."""

    def __init__(self, url: str, instance_id: str) -> None:
        self.promised: list[str] = []
        self.url = url
        self._instance_id = instance_id
        self._done = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._done = True
        self._thread.join(60)

    def _run(self) -> None:
        number = 0
        while not self._done:
            number += 1
            with suppress(ZookeeperError), Zookeeper(self.url) as zoo:
                self.promised.append(zoo.instance(self._instance_id).save_checkpoint(f"promise-{number}").id)


def runs_again(zoo: Zookeeper, instance_id: str) -> Instance:
    instance = zoo.instance(instance_id)
    until(lambda: instance.refresh().info.phase in {"RUNNING", "FAILED", "LOST"})
    assert instance.info.phase == "RUNNING", instance.info
    return instance


def await_checkpoint(instance: Instance) -> None:
    """Returns once there is one that was not there: three crashes in a row from the same one end an instance."""
    known = {row.id for row in instance.checkpoints()}
    until(lambda: {row.id for row in instance.checkpoints()} - known)


def kill(hosted: HostedZoo, instance: Instance, *, with_host: bool) -> None:
    """Kills the runner; with the host, or else returns when the host has seen it."""
    attempt = instance.refresh().info.attempt
    runners = hosted.runners()
    if with_host:
        hosted.process.kill()
        hosted.process.wait()
    for runner in runners:
        with suppress(psutil.NoSuchProcess):
            runner.kill()
    if not with_host:
        until(lambda: instance.refresh().ended or instance.info.attempt > attempt)


def whole_checkpoints(bucket: Bucket, model_id: str) -> set[str]:
    """Returns the ids of all that have a tag. Fails when something of one is missing, or not what was saved."""
    repository = Repository(bucket, model_id)
    found = [repository.verify(tag) for tag in repository]
    for checkpoint in found:
        for file in checkpoint.manifest.payload:
            assert hashlib.sha256(bucket.get(file.object)).hexdigest() == file.sha256
    return {checkpoint.id for checkpoint in found}


@pytest.mark.parametrize("seed", [4])
def test_no_tag_without_its_bytes_whoever_is_killed(tmp_path: Path, seed: int) -> None:
    """Runner or host, while both save by themselves and for somebody; each attempt starts from what is whole."""
    random = Random(seed)
    furnish(tmp_path, ZOO, FILES)
    hosted = HostedZoo(tmp_path)
    with Zookeeper(hosted.url) as zoo:
        instance_id = zoo.launch("Heavy", "Line", seed=1).id
        model_id = zoo.model("Heavy").id
    collector = Collector(hosted.url, instance_id)
    try:
        begun, rounds = time.monotonic(), 0
        while rounds < ROUNDS and time.monotonic() - begun < BUDGET_S:
            rounds += 1
            with Zookeeper(hosted.url) as zoo:
                instance = runs_again(zoo, instance_id)
                if rounds % 2:
                    await_checkpoint(instance)
                time.sleep(random.uniform(0.0, 0.15))
                kill(hosted, instance, with_host=random.random() < 0.2)
            if hosted.process.poll() is not None:
                hosted = HostedZoo(tmp_path)
                collector.url = hosted.url
        with Zookeeper(hosted.url) as zoo:
            instance = runs_again(zoo, instance_id)
            collector.close()
            instance.terminate().wait("TERMINATED", timeout_s=20)
            listed = {row.id for row in zoo.checkpoints("Heavy")}
        bucket = DirectoryBucket(hosted.state_dir / "bucket", "http://127.0.0.1", b"", FakeClock())
        assert rounds >= 3
        assert set(collector.promised) <= listed
        assert listed <= whole_checkpoints(bucket, model_id)
    finally:
        collector.close()
        hosted.close()
