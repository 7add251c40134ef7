"""ONNX files as AInimals: what they take and return, and how that is matched with a world."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import models
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.models.onnx_channels import channels_of

from tests.unit.sdk.graphs import FIRST, SECOND, policy, write_policy

SEEN = Modality.vector("observation", 2)
CHOICE = Modality.discrete("action", 2)
PUSH = Modality.vector("push", 2)
ONE = np.array([1.0, 2.0])
MANY = np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 3.0]])


def loaded(file: Path, observation: Any = None, action: Any = None) -> Agent:
    """Returns the agent of a file in a world with one input and one action, or in none."""
    return models.load(
        {"type": "onnx", "path": str(file)},
        {},
        observation=observation and {observation.name: observation},
        action=action and {action.name: action},
        stage=lambda _: None,
    )


def test_the_largest_output_is_the_choice(tmp_path: Path) -> None:
    """One number for each choice of the world; they are shown beside it, and a finding says so."""
    agent = loaded(write_policy(tmp_path / "policy.onnx"), SEEN, CHOICE)

    outputs = agent.forward({"observation": MANY})

    np.testing.assert_allclose(outputs["logits"], policy(MANY), rtol=1e-6)
    assert outputs["action"].tolist() == policy(MANY).argmax(-1).tolist()
    assert outputs["action"].dtype == np.int64
    assert agent.vectorized
    assert list(agent.outputs) == ["logits", "action"]
    assert any("action is the number of the largest of logits" in finding.text for finding in agent.findings)


def test_numbers_are_the_action_themselves(tmp_path: Path) -> None:
    """Where their shape is the world's, by the world's name."""
    agent = loaded(write_policy(tmp_path / "policy.onnx", batch=1), SEEN, PUSH)

    outputs = agent.forward({"observation": ONE})

    assert not agent.vectorized
    assert list(outputs) == ["push"]
    np.testing.assert_allclose(outputs["push"], policy(ONE), rtol=1e-6)


def test_a_graph_without_a_batch_takes_one(tmp_path: Path) -> None:
    """Values go in and out as they are."""
    agent = loaded(write_policy(tmp_path / "policy.onnx", batch=None), SEEN, CHOICE)

    outputs = agent.forward({"observation": ONE})

    assert outputs["action"] == policy(ONE).argmax()
    assert outputs["logits"].shape == (2,)


def test_without_a_world_it_is_asked_by_its_own_names(tmp_path: Path) -> None:
    """The first axis is for batches where its length varies, or is one."""
    agent = loaded(write_policy(tmp_path / "policy.onnx"))

    assert {name: modality.shape for name, modality in agent.inputs.items()} == {"obs": (2,)}
    assert {name: modality.shape for name, modality in agent.outputs.items()} == {"logits": (2,)}
    np.testing.assert_allclose(agent.forward({"obs": ONE[None]})["logits"], policy(ONE)[None], rtol=1e-6)


def test_a_world_of_another_shape_is_refused(tmp_path: Path) -> None:
    """Both sides are named."""
    file = write_policy(tmp_path / "policy.onnx")
    with pytest.raises(AInimalFault, match=r"the input obs is float32\[any, 2\], but the world's x is float32\[3\]"):
        loaded(file, Modality.vector("x", 3), CHOICE)
    with pytest.raises(AInimalFault, match=r"takes action as an integer from 0 to 4, but policy.onnx returns logits"):
        loaded(file, SEEN, Modality.discrete("action", 5))


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    """And one that is not there."""
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(AInimalFault, match=r"broken\.onnx cannot be opened"):
        loaded(tmp_path / "broken.onnx")
    with pytest.raises(AInimalFault, match="there is no file"):
        loaded(tmp_path / "gone.onnx")


def test_written_weights_are_saved_and_loaded(tmp_path: Path) -> None:
    """Those that are as in the file are not written again."""
    file = write_policy(tmp_path / "policy.onnx")
    agent, other = loaded(file, SEEN, PUSH), loaded(file, SEEN, PUSH)
    assert agent.inside is not None
    assert agent.can.save is not None
    assert other.can.load is not None
    agent.inside.set_weight("net.2.weight", SECOND * 2)
    (tmp_path / "saved").mkdir()

    agent.can.save(str(tmp_path / "saved"))
    other.can.load(str(tmp_path / "saved"))

    np.testing.assert_allclose(other.forward({"observation": MANY})["push"], 2 * policy(MANY), rtol=1e-6)
    assert other.inside is not None
    assert other.inside.weight("net.0.weight").tolist() == FIRST.tolist()


def test_a_graph_that_was_not_changed_is_saved_as_nothing(tmp_path: Path) -> None:
    """And becomes again what the file says, also after it was changed."""
    agent = loaded(write_policy(tmp_path / "policy.onnx"), SEEN, PUSH)
    assert agent.can.save is not None
    assert agent.can.load is not None
    assert agent.inside is not None
    agent.can.save(str(tmp_path))
    agent.inside.set_weight("net.2.weight", SECOND * 2)

    agent.can.load(str(tmp_path))

    np.testing.assert_allclose(agent.forward({"observation": MANY})["push"], policy(MANY), rtol=1e-6)


def test_it_says_what_it_lacks_to_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package onnx it acts all the same, and shows nothing within."""
    file = write_policy(tmp_path / "policy.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)

    agent = loaded(file, SEEN, PUSH)

    np.testing.assert_allclose(agent.forward({"observation": MANY})["push"], policy(MANY), rtol=1e-6)
    assert agent.inside is not None
    assert (agent.inside.activations(), agent.inside.weights(), agent.inside.architecture()) == ({}, {}, None)
    assert any("without the package onnx" in finding.text for finding in agent.findings)


def test_without_onnxruntime_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the interpreter that needs it."""
    file = write_policy(tmp_path / "policy.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(AInimalFault, match=r"policy.onnx needs onnxruntime, .* -m pip install onnxruntime onnx"):
        loaded(file, SEEN, PUSH)


@pytest.mark.parametrize(
    ("kind", "shape", "action", "value", "acted"),
    [
        ("tensor(int64)", (None,), Modality.discrete("a", 3), np.array([2]), [2]),
        ("tensor(int64)", (None, 1), Modality.discrete("a", 3), np.array([[2]]), [2]),
        ("tensor(float)", (None, 3), Modality.discrete("a", 3, start=5), np.array([[0.0, 9.0, 1.0]]), [6]),
        ("tensor(double)", (None, 2), Modality.vector("a", 2), np.array([[1.0, 2.0]]), [[1.0, 2.0]]),
        (
            "tensor(int32)",
            (None, 2),
            Modality("a", ModalityKind.MULTI_DISCRETE, (2,), "int64", 0, 3),
            np.array([[1, 2]]),
            [[1, 2]],
        ),
    ],
)
def test_outputs_become_actions_of_each_kind(kind: str, shape: Any, action: Modality, value: Any, acted: Any) -> None:
    """With the dtype of the world."""
    channels = channels_of(
        "graph", [("x", (None, 2), "tensor(float)")], [("y", shape, kind)], {"x": SEEN}, {"a": action}
    )

    given = channels.give({"y": value})["a"]

    assert given.tolist() == acted
    assert given.dtype == np.dtype(action.dtype)


def test_several_inputs_are_matched_by_name() -> None:
    """What the world does not show is named."""
    inputs = [("left", (None, 2), "tensor(float)"), ("right", (None, 3), "tensor(double)")]
    world = {"right": Modality.vector("right", 3), "left": SEEN, "more": SEEN}
    channels = channels_of("graph", inputs, [("y", (None, 2), "tensor(float)")], world, {"y": PUSH})

    taken = channels.take({"left": MANY, "right": np.zeros((3, 3)), "more": ONE})

    assert {name: (value.shape, value.dtype.name) for name, value in taken.items()} == {
        "left": ((3, 2), "float32"),
        "right": ((3, 3), "float64"),
    }
    with pytest.raises(AInimalFault, match="graph needs the input right, but the world shows left"):
        channels_of("graph", inputs, [], {"left": SEEN}, None)
