"""The promise of the product, cell by cell: observe, override, record and replay the inputs, outputs, activations and
weights of a plain class, a torch module and an ONNX graph, through the whole zoo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.client import Instance, ReplayReport, Zookeeper
from ainimal_zookeeper.recording import Ranges, Recording

from tests.conftest import give_up
from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until

try:
    import onnx
    import onnxruntime  # noqa: F401
    import torch  # noqa: F401
except ModuleNotFoundError:
    give_up("torch, onnx or onnxruntime is not installed; run make foreign")

ZOO = """
name: cells
models:
  - {name: Plain, path: plain.py}
  - {name: Module, path: module.py}
  - {name: Graph, type: .onnx, path: graph.onnx}
environments:
  - {path: ramp.py}
"""
PLAIN = """
import numpy as np
from ainimal_zookeeper import AInimal

class Plain(AInimal):
    def __init__(self, scale: float = 1.0):
        self.first = np.array([[1, -1], [2, 1], [0.5, -0.5]], np.float32) * np.float32(scale)
        self.second = np.array([[1, 0.5], [-1, 2]], np.float32)

    def forward(self, inputs):
        hidden = self.tap("hidden", np.maximum(inputs["seen"] @ self.first, 0))
        return {"push": hidden @ self.second}
"""
MODULE = """
import torch

class Module(torch.nn.Module):
    def __init__(self, scale: float = 1.0):
        super().__init__()
        self.first = torch.nn.Linear(3, 2, bias=False)
        self.hidden = torch.nn.ReLU()
        self.second = torch.nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1, 2, 0.5], [-1, 1, -0.5]]) * scale)
            self.second.weight.copy_(torch.tensor([[1, -1], [0.5, 2]]))

    @torch.no_grad()
    def forward(self, inputs):
        return {"push": self.second(self.hidden(self.first(torch.as_tensor(inputs["seen"])))).numpy()}
"""
RAMP = """
import numpy as np
from ainimal_zookeeper import Env, Modality

class Ramp(Env):
    observation_modalities = {"seen": Modality.vector("seen", 3)}
    action_modalities = {"push": Modality.vector("push", 2)}

    def reset(self, seed=None):
        self.at = 0
        return self.seen()

    def step(self, action):
        self.at += 1
        return self.seen(), float(np.sum(action)), False, False, {}

    def seen(self):
        return np.array([self.at % 7, 1, self.at % 5], np.float32)

    def get_state(self):
        return {"at": self.at}

    def set_state(self, state):
        self.at = int(state["at"])
"""
FIRST: Any = np.array([[1, -1], [2, 1], [0.5, -0.5]], np.float32)
SECOND: Any = np.array([[1, 0.5], [-1, 2]], np.float32)
RATE = 200
RECORDED = 40  # steps at least
PLANES = ("inputs", "outputs", "activations", "weights")


@dataclass(frozen=True)
class Kind:
    """A kind of model, and what the zoo calls the signals of the same little network in it."""

    name: str
    activation: str
    weight: str
    transposed: bool = False

    def path(self, plane: str) -> str:
        return {
            "inputs": "inputs.seen",
            "outputs": "outputs.push",
            "activations": self.activation,
            "weights": self.weight,
        }[plane]

    @property
    def weights(self) -> Any:
        return FIRST.T if self.transposed else FIRST


PLAIN_KIND = Kind("Plain", "activations.hidden", "weights.first")
MODULE_KIND = Kind("Module", "activations.hidden", "weights.first.weight", transposed=True)
GRAPH_KIND = Kind("Graph", "activations.hidden", "weights.first")
KINDS = (PLAIN_KIND, MODULE_KIND, GRAPH_KIND)


def seen(step: float) -> Any:
    """What the world shows before step `step`, which is counted from 1; a row for each of several steps."""
    before = np.asarray(step, np.int64) - 1
    return np.stack([before % 7, np.ones_like(before), before % 5], axis=-1).astype(np.float32)


def hidden(inputs: Any, first: Any = FIRST) -> Any:
    return np.maximum(inputs @ first, 0)


def at_step(kind: Kind, plane: str, step: float) -> Any:
    """What a signal must be at a step that nobody overrides."""
    if plane == "inputs":
        return seen(step)
    if plane == "activations":
        return hidden(seen(step))
    return kind.weights if plane == "weights" else hidden(seen(step)) @ SECOND


@dataclass(frozen=True)
class Recorded:
    id: str
    read: Recording
    steps: Any


@dataclass
class Cage:
    """An instance of one kind of model that runs, with a recording of it."""

    kind: Kind
    hosted: HostedZoo
    zoo: Zookeeper
    instance: Instance
    _recorded: dict[str, Recorded]

    def close(self) -> None:
        for recorded in self._recorded.values():
            recorded.read.close()

    def watch(self, path: str, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        """Returns the first value of a signal that is as wanted."""
        return next(value for value in self.instance.watch(path, rate=100) if wanted(value))

    def record(self, *planes: str) -> Recorded:
        """Returns a recording of the signals of some planes and the action, of at least RECORDED steps."""
        name = " ".join(planes)
        if name not in self._recorded:
            self._recorded[name] = self._record(["inputs.*", "action", *(self.kind.path(plane) for plane in planes)])
        return self._recorded[name]

    def _record(self, signals: list[str]) -> Recorded:
        shown = "recording { id firstStep lastStep access { baseUrl headers } } userErrors { message }"
        begun = self.hosted.ask(
            f"mutation($i: RecordingStartInput!) {{ recordingStart(input: $i) {{ {shown} }} }}",
            i={"instanceId": self.instance.id, "signals": sorted(set(signals))},
        )["recordingStart"]
        assert not begun["userErrors"], begun
        first = begun["recording"]["firstStep"]
        until(lambda: self.instance.refresh().info.stats.step > first + RECORDED)
        ended = self.hosted.ask(
            f"mutation($i: RecordingInput!) {{ recordingStop(input: $i) {{ {shown} }} }}",
            i={"recordingId": begun["recording"]["id"]},
        )["recordingStop"]["recording"]
        read = Recording.open(Ranges(ended["access"]["baseUrl"], ended["access"]["headers"]))
        steps = np.asarray(read.read("action", 0, 2**53)[0])
        assert len(steps) >= RECORDED
        return Recorded(ended["id"], read, steps)

    def replay(self, recorded: Recorded, **how: Any) -> ReplayReport:
        """Returns how far a replay equals what was recorded."""
        report = self.zoo.replay(recorded.id, **how).wait("TERMINATED").replay()
        assert report is not None
        return report

    def other_weights(self) -> str:
        """Returns a checkpoint of the same model with other weights."""
        other = self.zoo.launch(self.kind.name, "Ramp", parameters={"scale": 2.0}, paused=True).wait("PAUSED")
        saved = other.save_checkpoint()
        other.terminate().wait("TERMINATED")
        return saved.id


def write_graph(file: Path) -> None:
    """Writes the same network as an ONNX file."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("MatMul", ["seen", "first"], ["before"], "one"),
        helper.make_node("Relu", ["before"], ["hidden"], "relu"),
        helper.make_node("MatMul", ["hidden", "second"], ["push"], "two"),
    ]
    graph = helper.make_graph(
        nodes,
        "cells",
        [helper.make_tensor_value_info("seen", kind, [3])],
        [helper.make_tensor_value_info("push", kind, [2])],
        [onnx.numpy_helper.from_array(FIRST, "first"), onnx.numpy_helper.from_array(SECOND, "second")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(file))


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    folder = tmp_path_factory.mktemp("cells")
    furnish(folder, ZOO, {"plain.py": PLAIN, "module.py": MODULE, "ramp.py": RAMP})
    write_graph(folder / "graph.onnx")
    with start_zoo(folder) as started:
        yield started


@pytest.fixture(scope="module")
def zoo(hosted: HostedZoo) -> Iterator[Zookeeper]:
    with Zookeeper(hosted.url) as client:
        yield client


@pytest.fixture(scope="module")
def cages(hosted: HostedZoo, zoo: Zookeeper) -> Iterator[dict[str, Cage]]:
    """One running instance of each kind, launched when it is first wanted."""
    opened: dict[str, Cage] = {}
    yield opened
    for cage in opened.values():
        cage.close()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def cage(request: pytest.FixtureRequest, hosted: HostedZoo, zoo: Zookeeper, cages: dict[str, Cage]) -> Cage:
    kind: Kind = request.param
    if kind.name not in cages:
        instance = zoo.launch(kind.name, "Ramp", seed=1, mode="inference").wait()
        instance.rate(RATE)
        until(lambda: {kind.activation, kind.weight} <= {row["path"] for row in instance.signals()})
        cages[kind.name] = Cage(kind, hosted, zoo, instance, {})
    return cages[kind.name]


@pytest.mark.parametrize("plane", PLANES)
def test_a_signal_is_observed(cage: Cage, plane: str) -> None:
    """Its live value is what the network had at that step."""
    value = cage.watch(cage.kind.path(plane), lambda value: value.step > 0)
    np.testing.assert_allclose(value.value, at_step(cage.kind, plane, value.step), rtol=1e-6)
    assert not value.overridden


@pytest.mark.parametrize("plane", PLANES)
def test_a_signal_is_overridden(cage: Cage, plane: str) -> None:
    """The action becomes what follows of the rule, and what it was before once the rule is cleared."""
    kind = cage.kind
    rules: dict[str, tuple[Any, list[int] | None, Callable[[float], Any]]] = {
        "inputs": ([1, 2, 3], None, lambda _: hidden(np.array([1, 2, 3], np.float32)) @ SECOND),
        "outputs": ([0.5, -0.25], None, lambda _: np.array([0.5, -0.25], np.float32)),
        "activations": (4.0, [1], lambda step: np.array([hidden(seen(step))[0], 4], np.float32) @ SECOND),
        "weights": (3.0, [1, 1], lambda step: hidden(seen(step), _with(FIRST, (1, 1), 3.0)) @ SECOND),
    }
    value, index, expected = rules[plane]
    rule = cage.instance.override(kind.path(plane), value, index=index)
    try:
        until(lambda: any(each.applied_at_step is not None for each in cage.instance.overrides()))
        (told,) = cage.instance.overrides()
        assert told.applied_at_step is not None
        applied_at = told.applied_at_step
        acted = cage.watch("action", lambda value: value.step > applied_at)
        np.testing.assert_allclose(acted.value, expected(acted.step), rtol=1e-6)
        marked = cage.watch(kind.path(plane), lambda value: value.step > applied_at)
        assert marked.overridden
    finally:
        cage.instance.clear_overrides(rule)
    cleared = until(lambda: _followed(cage.instance))
    back = cage.watch("action", lambda value: value.step > cleared)
    np.testing.assert_allclose(back.value, at_step(kind, "outputs", back.step), rtol=1e-6)
    np.testing.assert_allclose(cage.watch(kind.weight).value, kind.weights)


@pytest.mark.parametrize("plane", PLANES)
def test_a_signal_is_recorded(cage: Cage, plane: str) -> None:
    """Every step of it is in the recording, with what the network had then."""
    recorded = cage.record("outputs", "activations", "weights")
    if plane == "weights":
        held = recorded.read.weights(int(recorded.steps[-1]))
        np.testing.assert_array_equal(held[cage.kind.weight.removeprefix("weights.")], cage.kind.weights)
        return
    steps, _, _, values = recorded.read.read(cage.kind.path(plane), 0, 2**53)
    assert list(steps) == list(range(int(recorded.steps[0]), int(recorded.steps[-1]) + 1))
    for step, value in zip(steps, values, strict=True):
        np.testing.assert_allclose(value, at_step(cage.kind, plane, float(step)), rtol=1e-6)


@pytest.mark.parametrize("plane", PLANES)
def test_a_recording_is_replayed(cage: Cage, plane: str) -> None:
    """Driven by what was recorded of a plane, the same network does the same to the bit."""
    recorded = cage.record("outputs", "activations", "weights")
    how: dict[str, dict[str, Any]] = {
        "inputs": {"planes": ["INPUTS"]},
        "outputs": {"planes": ["OUTPUTS"], "environment": "Ramp"},
        "activations": {"planes": ["INPUTS", "ACTIVATIONS"]},
        "weights": {"planes": ["INPUTS", "WEIGHTS"]},
    }
    report = cage.replay(recorded, **how[plane])
    assert report.identical, report
    assert report.compared_steps == len(recorded.steps)


@pytest.mark.parametrize("cage", [PLAIN_KIND, MODULE_KIND], indirect=True, ids=["Plain", "Module"])
def test_other_weights_are_found_out_and_replaced(cage: Cage) -> None:
    """A checkpoint that differs is located at its weight and step; with the recorded plane nothing differs after it."""
    other = cage.other_weights()
    whole, within = cage.record("outputs", "activations", "weights"), cage.record("activations", "outputs")
    report = cage.replay(whole, checkpoint=other, planes=["INPUTS"])
    assert report.first is not None
    assert (report.first.step, report.first.path, report.first.magnitude) == (whole.steps[0], cage.kind.weight, 2.0)
    assert cage.replay(whole, checkpoint=other, planes=["INPUTS", "WEIGHTS"]).identical
    assert not cage.replay(within, checkpoint=other, planes=["INPUTS"]).identical
    assert cage.replay(within, checkpoint=other, planes=["INPUTS", "ACTIVATIONS"]).identical


def _with(array: Any, index: tuple[int, ...], value: float) -> Any:
    changed = array.copy()
    changed[index] = value
    return changed


def _followed(instance: Instance) -> float | None:
    """Returns the step at which an instance follows all that was asked, None before."""
    info = instance.refresh().info
    return info.stats.step + 1 if info.observed_generation == info.generation else None
