"""What is within a model that runs, seen through the whole zoo: of a class, a torch module and an ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.client import Instance, Zookeeper
from ainimal_zookeeper.domain.errors import InvalidInput

from tests.conftest import give_up
from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until
from tests.unit.sdk.graphs import BIAS, FIRST, policy, write_policy

try:
    import torch  # noqa: F401
except ModuleNotFoundError:
    give_up("torch is not installed; run make foreign")

ZOO = """
name: within
model_providers:
  - {type: local_filesystem, root: models, rate: 100}
environments:
  - {path: still.py}
"""
TABLE = """
import numpy as np
from ainimal_zookeeper import AInimal

class Table(AInimal):
    def __init__(self):
        self.weights = np.array([[1.0, 0.0], [2.0, 3.0]], np.float32)
        self.epsilon = 0.5

    def forward(self, inputs):
        return {"push": self.tap("hidden", inputs["seen"] @ self.weights) / 10}
"""
NET = """
import torch

class Net:
    def __init__(self):
        torch.manual_seed(1)
        self.policy = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(inplace=True), torch.nn.Linear(3, 2))
        self.quick = torch.compile(torch.nn.Sequential(torch.nn.Linear(2, 2)))
        with torch.no_grad():
            self.policy[0].weight.copy_(torch.tensor([[1.0, 2.0], [-1.0, 1.0], [0.5, -0.5]]))
            self.policy[0].bias.zero_()

    def act(self, seen):
        with torch.no_grad():
            return self.policy(torch.as_tensor(seen)[None])[0].numpy()
"""
STILL = """
import numpy as np
from ainimal_zookeeper import Env, Modality

class Still(Env):
    observation_modalities = {"seen": Modality.vector("seen", 2)}
    action_modalities = {"push": Modality.vector("push", 2)}

    def reset(self, seed=None):
        return np.array([1, 2], np.float32)

    def step(self, action):
        return np.array([1, 2], np.float32), 0.0, False, False, {}
"""
SEEN = np.array([1, 2], np.float32)


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    folder: Path = tmp_path_factory.mktemp("within")
    furnish(folder, ZOO, {"models/table.py": TABLE, "models/net.py": NET, "still.py": STILL})
    write_policy(folder / "models" / "graph.onnx")
    with start_zoo(folder) as started:
        yield started


@pytest.fixture
def zoo(hosted: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(hosted.url) as client:
        yield client


def running(zoo: Zookeeper, model: str, path: str) -> Instance:
    """Launches a model and waits until a signal of it has a shape."""
    instance = zoo.launch(model, "Still", seed=1).wait()
    until(lambda: any(row["path"] == path and row["modality"]["shape"] for row in instance.signals()))
    return instance


def values(instance: Instance, *paths: str) -> dict[str, Any]:
    """Returns a value of each signal; the second, where steps have been made in between."""
    found: dict[str, Any] = {}
    steps: dict[str, float] = {}
    for value in instance.watch(*paths, rate=50):
        if value.path in steps and value.step > steps[value.path]:
            found[value.path] = value.value
        steps.setdefault(value.path, value.step)
        if len(found) == len(paths):
            break
    return found


def test_a_class_shows_what_it_taps_and_its_arrays(zoo: Zookeeper) -> None:
    """Its activation is that of the step, its weight what the object holds."""
    instance = running(zoo, "Table", "activations.hidden")

    seen = values(instance, "activations.hidden", "weights.weights", "state.epsilon", "outputs.push")

    assert seen["activations.hidden"].tolist() == [5, 6]
    assert seen["weights.weights"].tolist() == [[1, 0], [2, 3]]
    assert seen["state.epsilon"] == 0.5
    np.testing.assert_allclose(seen["outputs.push"], [0.5, 0.6], rtol=1e-6)
    instance.terminate().wait("TERMINATED")


def test_a_torch_module_shows_what_its_layers_return(zoo: Zookeeper) -> None:
    """Also where the next layer writes into it; what is compiled says at once why it cannot be seen."""
    instance = running(zoo, "Net", "activations.policy.0")

    seen = values(instance, "activations.policy.0", "activations.policy.1", "weights.policy.0.weight")

    assert seen["activations.policy.0"].tolist() == [[5, 1, -0.5]]
    assert seen["activations.policy.1"].tolist() == [[5, 1, 0]]
    assert seen["weights.policy.0.weight"].tolist() == [[1, 2], [-1, 1], [0.5, -0.5]]
    (inside,) = [row for row in instance.signals() if row["path"] == "activations.quick._orig_mod.0"]
    assert not inside["observable"]
    assert "needs eager mode" in inside["reason"]
    with pytest.raises(InvalidInput, match="needs eager mode"):
        next(iter(instance.watch("activations.quick._orig_mod.0")))
    instance.terminate().wait("TERMINATED")


def test_an_onnx_graph_shows_its_tensors(zoo: Zookeeper, hosted: HostedZoo) -> None:
    """It acts as any model does; its architecture is that of the graph."""
    instance = running(zoo, "graph", "activations.hidden")

    seen = values(instance, "activations.hidden", "weights.net.0.bias", "outputs.push")

    np.testing.assert_allclose(seen["activations.hidden"], [np.maximum(SEEN @ FIRST + BIAS, 0)], rtol=1e-6)
    assert seen["weights.net.0.bias"].tolist() == BIAS.tolist()
    np.testing.assert_allclose(seen["outputs.push"], policy(SEEN), rtol=1e-6)
    query = "query($i: ID!) { instance(id: $i) { architecture { parameterCount nodes { type outputShape } } } }"
    shown = hosted.ask(query, i=instance.id)["instance"]["architecture"]
    assert shown["parameterCount"] == 15
    assert [node["type"] for node in shown["nodes"]] == ["MatMul", "Add", "Relu", "MatMul"]
    instance.terminate().wait("TERMINATED")
