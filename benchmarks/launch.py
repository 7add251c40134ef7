"""From `instanceLaunch` to the first step: alone, with torch beside the bare import, and twenty at once."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from importlib.util import find_spec

from .row import Row
from .server import Zoo, zoo

NUMPY_AGENT = """
import numpy as np
from ainimal_zookeeper import AInimal

class Trivial(AInimal):
    def __init__(self):
        self.weights = np.zeros(4)
    def forward(self, inputs):
        return {"action": int(self.weights @ inputs["observation"] > 0)}
"""

TORCH_AGENT = """
import torch
from ainimal_zookeeper import AInimal

class TorchTrivial(AInimal):
    def __init__(self):
        self.network = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.Tanh(), torch.nn.Linear(64, 2))
    def forward(self, inputs):
        with torch.no_grad():
            return {"action": int(self.network(torch.as_tensor(inputs["observation"])).argmax())}
"""

BARE_TORCH = """
import torch
network = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.Tanh(), torch.nn.Linear(64, 2))
with torch.no_grad():
    network(torch.zeros(4)).argmax()
"""


def seconds_of(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - began


def seconds_to_first_step(running: Zoo, model: str, world: str) -> float:
    began = time.perf_counter()
    launched = running.launch(modelId=model, environmentId=world)
    running.wait_for_step([launched])
    took = time.perf_counter() - began
    running.end([launched])
    return took


def main() -> list[Row]:
    """Measures on one server: nine launches in a row, twenty at once, five of a torch agent."""
    with zoo({"trivial.py": NUMPY_AGENT, "torch_trivial.py": TORCH_AGENT}) as running:
        world = running.environment_id("CartPole")
        model = running.model_id("Trivial")
        alone = statistics.median(seconds_to_first_step(running, model, world) for _ in range(9))
        began = time.perf_counter()
        ids = [running.launch(modelId=model, environmentId=world) for _ in range(20)]
        running.wait_for_step(ids)
        together = time.perf_counter() - began
        running.end(ids)
        rows: list[Row] = [
            {"what": "numpy agent, median", "value": alone, "unit": "s", "bar": "< 1 s", "kept": alone < 1},
            {
                "what": "20 at once, the last of them",
                "value": together,
                "unit": "s",
                "bar": "< 8 s",
                "kept": together < 8,
            },
        ]
        if find_spec("torch") is None:
            return rows
        torch_model = running.model_id("TorchTrivial")
        pairs = [(seconds_to_first_step(running, torch_model, world), seconds_of(BARE_TORCH)) for _ in range(5)]
        launch, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
        rows.append(
            {
                "what": "torch agent, median",
                "value": launch,
                "unit": "s",
                "beside": "a process that imports torch, constructs the network and asks it once",
                "beside_value": bare,
                "bar": "<= 1.1x",
                "kept": launch <= 1.1 * bare,
            }
        )
    return rows
