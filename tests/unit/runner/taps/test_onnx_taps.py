"""Taps of ONNX graphs: tensors within as outputs, cuts where they are changed, initialisers as weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import models
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.modality import Modality
from zookeeper_runner import probe
from zookeeper_runner.taps import Taps

from tests.unit.runner.taps.tapped import listed
from tests.unit.sdk.graphs import BIAS, FIRST, SECOND, policy, write_branches, write_policy

SEEN = np.array([[1.0, 2.0], [-3.0, 0.25]], np.float32)
BEFORE, HIDDEN = "activations.hidden_before", "activations.hidden"


class Tapped:
    def __init__(self, file: Path) -> None:
        self.agent = models.load(
            {"type": "onnx", "path": str(file)},
            {},
            observation={"x": Modality.vector("x", 2)},
            action={"y": Modality.vector("y", 2)},
            stage=lambda _: None,
        )
        self.taps = Taps(self.agent)

    def forward(self) -> Any:
        return self.agent.forward({"x": SEEN})["y"]


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Tapped]:
    tapped = Tapped(write_policy(tmp_path / "policy.onnx"))
    yield tapped
    tapped.taps.close()


def test_tensors_and_initialisers_are_listed_without_running_it(graph: Tapped) -> None:
    """By names that paths can hold, with shapes as far as they are fixed."""
    signals = listed(graph.taps)

    assert {path: signal["modality"]["shape"] for path, signal in signals.items()} == {
        "activations./net/0/MatMul_output_0": [None, 3],
        BEFORE: [None, 3],
        HIDDEN: [None, 3],
        "weights.net.0.weight": [2, 3],
        "weights.net.0.bias": [3],
        "weights.net.2.weight": [3, 2],
    }
    assert all(signal["observable"] and signal["overridable"] for signal in signals.values())


def test_an_observed_tensor_is_that_of_the_last_forward(graph: Tapped) -> None:
    """And what comes out stays what it is."""
    graph.taps.observe("test", frozenset({BEFORE, HIDDEN}))
    assert graph.taps.read(HIDDEN) is None

    acted = graph.forward()

    before = SEEN @ FIRST + BIAS
    np.testing.assert_allclose(graph.taps.read(BEFORE), before, rtol=1e-6)
    np.testing.assert_allclose(graph.taps.read(HIDDEN), np.maximum(before, 0), rtol=1e-6)
    np.testing.assert_allclose(acted, policy(SEEN), rtol=1e-6)


def test_a_changed_tensor_is_what_goes_on(graph: Tapped) -> None:
    """The graph is cut there; what is observed behind and before the cut is right; afterwards all is as before."""
    before = graph.forward().tolist()
    graph.taps.observe("test", frozenset({BEFORE, HIDDEN, "activations./net/0/MatMul_output_0"}))
    graph.taps.change({BEFORE: lambda value: value * 0 + [[1, -1, 2]]})

    acted = graph.forward()

    np.testing.assert_allclose(acted, np.maximum([[1, -1, 2]] * 2, 0) @ SECOND)
    assert graph.taps.read(BEFORE).tolist() == [[1, -1, 2]] * 2
    assert graph.taps.read(HIDDEN).tolist() == [[1, 0, 2]] * 2
    np.testing.assert_allclose(graph.taps.read("activations./net/0/MatMul_output_0"), SEEN @ FIRST, rtol=1e-6)

    graph.taps.change({})
    graph.taps.observe("test", frozenset())

    assert graph.forward().tolist() == before


def test_several_changes_work_in_the_order_of_the_graph(graph: Tapped) -> None:
    """The later sees what the earlier has made of its values."""
    graph.taps.change({HIDDEN: lambda value: value + 1, BEFORE: lambda value: value * 0 + 2})

    np.testing.assert_allclose(graph.forward(), np.full((2, 3), 3.0) @ SECOND)


def test_a_written_weight_holds(graph: Tapped) -> None:
    """Together with what is observed and changed; another shape is refused, with the right one named."""
    graph.taps.write("weights.net.2.weight", SECOND * 3)
    np.testing.assert_allclose(graph.forward(), 3 * policy(SEEN), rtol=1e-6)
    assert graph.taps.read("weights.net.2.weight").tolist() == (SECOND * 3).tolist()

    graph.taps.change({HIDDEN: lambda value: value * 2})
    np.testing.assert_allclose(graph.forward(), 6 * policy(SEEN), rtol=1e-6)

    graph.taps.write("weights.net.2.weight", SECOND)
    np.testing.assert_allclose(graph.forward(), 2 * policy(SEEN), rtol=1e-6)
    with pytest.raises(InvalidInput, match=r"weights.net.0.bias: expected float32\[3\], got float64\[2\]"):
        graph.taps.write("weights.net.0.bias", np.zeros(2))


def test_a_change_of_another_shape_is_refused(graph: Tapped) -> None:
    """The error names what is expected."""
    graph.taps.change({HIDDEN: lambda value: value[:1]})

    with pytest.raises(InvalidInput, match=r"activations.hidden: expected float32\[2, 3\], got float32\[1, 3\]"):
        graph.forward()


def test_a_path_that_does_not_exist_names_the_nearest(graph: Tapped) -> None:
    """At once: what is in a graph is known before it runs."""
    with pytest.raises(InvalidInput, match=r"no signal activations.hiden; did you mean activations.hidden"):
        graph.taps.observe("test", frozenset({"activations.hiden"}))


def test_the_architecture_is_that_of_the_graph(graph: Tapped) -> None:
    """Operations with their parameters, and what flows between them."""
    found = graph.taps.architecture()

    assert found is not None
    assert [(node["id"], node["type"], node["parameterCount"], node["outputShape"]) for node in found["nodes"]] == [
        ("first", "MatMul", 6.0, [None, 3]),
        ("bias", "Add", 3.0, [None, 3]),
        ("relu", "Relu", 0.0, [None, 3]),
        ("second", "MatMul", 6.0, [None, 2]),
    ]
    assert [(edge["source"], edge["target"]) for edge in found["edges"]] == [
        ("first", "bias"),
        ("bias", "relu"),
        ("relu", "second"),
    ]
    assert found["parameterCount"] == 15.0


def test_a_probe_tells_what_is_in_a_graph(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By the end of the file's name, as `zoo probe` is asked."""
    status = probe.main([str(write_policy(tmp_path / "policy.onnx"))])

    report = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert status == 0
    assert [modality["name"] for modality in report["inputs"]] == ["obs"]
    assert {HIDDEN, "weights.net.2.weight"} <= {signal["path"] for signal in report["signals"]}
    assert report["architecture"]["parameterCount"] == 15


def test_branches_and_data_beside_the_file_are_part_of_it(tmp_path: Path) -> None:
    """What only a branch reads is computed for it, in every piece; its data is found there as well."""
    agent = models.load(
        {"type": "onnx", "path": str(write_branches(tmp_path / "branches.onnx"))},
        {},
        observation={"x": Modality.vector("x", 2)},
        action={"y": Modality.vector("y", 2)},
        stage=lambda _: None,
    )
    taps = Taps(agent)

    def acted(*seen: float) -> Any:
        return agent.forward({"x": np.array(seen, np.float32)})["y"].tolist()

    assert (acted(1, 2), acted(-1, -2)) == ([3, 5], [-3, -5])
    taps.observe("test", frozenset({"activations.twice", "activations.above"}))
    assert acted(1, 2) == [3, 5]
    assert taps.read("activations.twice").tolist() == [2, 4]
    assert taps.read("activations.above")
    taps.change({"activations.twice": lambda value: value + 10})
    assert acted(1, 2) == [13, 15]
    taps.change({"activations.above": lambda value: ~value})
    assert acted(1, 2) == [1, 3]
    taps.write("weights.one", [5, 5])
    assert acted(1, 2) == [-3, -1]
    assert taps.read("weights.two") == 2
    taps.close()
