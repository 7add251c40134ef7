"""Real runner processes against a small runner link, for tests of what a runner does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.fakes.runner_link import FakeRunnerLink

CARTPOLE = {"id": "world_1", "name": "CartPole", "spec": {"type": "gymnasium", "env_name": "CartPole-v1"}}
PLAIN_WORLD = """
import numpy as np
from ainimal_zookeeper import Env, Modality
class Line(Env):
    frame_rate = 30.0
    observation_modalities = {"place": Modality.vector("place", 1)}
    action_modalities = {"move": Modality.discrete("move", 3)}
    def reset(self, seed=None):
        self.at = 0
        return np.zeros(1, np.float32)
    def step(self, action):
        self.at += 1
        %s
        return np.full(1, self.at, np.float32), 1.0, self.at >= 1000, False, {}
    def render(self):
        return np.full((40, 60, 3), self.at %% 255, np.uint8)
"""


class Processes:
    """Starts runners; each ends with the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._links: list[FakeRunnerLink] = []
        self._running: list[subprocess.Popen[bytes]] = []

    def file(self, name: str, text: str) -> str:
        path = self._folder / name
        path.write_text(text)
        return str(path)

    def model(self, text: str, name: str = "model.py") -> dict[str, Any]:
        spec = {"type": "python_class", "path": self.file(name, text)}
        return {"id": "mod_1", "name": "model", "revision": None, "spec": spec}

    def world(self, body: str = "pass") -> dict[str, Any]:
        spec = {"type": "python_class", "path": self.file("world.py", PLAIN_WORLD % body), "class_name": "Line"}
        return {"id": "world_1", "name": "line", "spec": spec}

    def link(self, *launches: dict[str, Any]) -> FakeRunnerLink:
        link = FakeRunnerLink(*launches)
        self._links.append(link)
        return link

    def start(self, link: FakeRunnerLink, instance_id: str = "ins_1") -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "zookeeper_runner"],
            env={**os.environ, **link.variables(instance_id)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._running.append(process)
        return process

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()
        for link in self._links:
            link.close()


def ended(process: subprocess.Popen[bytes], patience_s: float = 15.0) -> int:
    return process.wait(patience_s)
