"""The manifest names everything watchable."""

from __future__ import annotations

from itertools import count as counted_from
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import models
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.spaces import modalities_of_space
from gymnasium import spaces
from zookeeper_runner.architecture import architecture_of
from zookeeper_runner.manifest import manifest_of, state_signals
from zookeeper_runner.stage import manifest_of_agent


def test_an_agent_in_a_world_is_told_with_all_its_signals() -> None:
    """Each path once, with its modality; the picture is the preview."""
    camera = Modality.image("camera", 8, 8)
    move = Modality.discrete("move", 2)

    manifest = manifest_of(
        {"camera": camera}, {"move": move}, action={"move": move}, trainable=True, picture=np.zeros((4, 6, 3), np.uint8)
    )

    paths = [signal["path"] for signal in manifest["signals"]]
    assert paths[:4] == ["inputs.camera", "outputs.move", "action", "env.frame"]
    assert {"env.reward", "metrics.loss", "metrics.episode_return"} <= set(paths)
    assert len(paths) == len(set(paths))
    assert manifest["previewPaths"] == ["env.frame"]


def test_an_action_has_the_words_of_the_output_that_becomes_it() -> None:
    """Labels and names that only the model knows stand at what is done, too; those of the world come first."""
    output = Modality.discrete("move", 2, ("left", "right"))

    def labels_of(action: Modality) -> object:
        manifest = manifest_of({}, {"move": output}, action={"move": action})
        return next(each for each in manifest["signals"] if each["path"] == "action")["modality"]["labels"]

    assert labels_of(Modality.discrete("move", 2)) == ["left", "right"]
    assert labels_of(Modality.discrete("move", 2, ("west", "east"))) == ["west", "east"]
    assert labels_of(Modality.discrete("move", 3)) is None
    assert labels_of(Modality.discrete("move", 2, start=1)) is None


def test_without_a_picture_the_preview_is_what_the_agent_sees() -> None:
    """Images among the inputs stand for it."""
    manifest = manifest_of({"camera": Modality.image("camera", 8, 8)}, {}, has_world=False)

    assert manifest["previewPaths"] == ["inputs.camera"]
    assert "env.reward" not in [signal["path"] for signal in manifest["signals"]]


def test_a_state_is_told_by_its_leaves() -> None:
    """Nested mappings and lists by dots; what has no modality, and names that cannot be paths, are left out."""
    state = {"a": {"b": np.zeros(3), "c": object()}, "d": [1.0, 2.0], "e": [{"f": "x"}], "no name": 1, "g": None}

    signals, left_out = state_signals(state)

    assert left_out == 0
    assert [signal["path"] for signal in signals] == ["state.a.b", "state.d", "state.e.0.f"]


@pytest.mark.parametrize(("count", "left_out"), [(200, ""), (201, "1 value"), (243, "43 values")])
def test_what_is_left_out_of_a_state_is_said(count: int, left_out: str) -> None:
    """Beyond the bound a finding says how many there are, and the way out."""
    state = {"odd": object(), **{f"unit_{index}": float(index) for index in range(count)}}

    manifest = manifest_of({}, {}, state=state, has_world=False, findings=["before"])

    assert len([signal for signal in manifest["signals"] if signal["path"].startswith("state.")]) == 200
    way_out = "of it cannot be watched: only the first 200 can; keep fewer in it, or arrays of them (measured)"
    assert manifest["findings"] == ["before", *([f"state: {left_out} {way_out}"] if left_out else [])]


def test_a_state_without_end_is_not_counted_to_it() -> None:
    """Counting what is left out has a bound of its own."""

    class Endless(dict[str, float]):
        def items(self) -> Any:
            return ((f"unit_{index}", 1.0) for index in counted_from(0))

    (finding,) = manifest_of({}, {}, state=Endless(unit=1.0), has_world=False)["findings"]

    assert finding.startswith("state: at least 2000 values of it cannot be watched")


def test_seats_are_told_apart() -> None:
    """A shared world names each agent's inputs and action."""
    seen, done = {"x": Modality.scalar("x")}, {"y": Modality.scalar("y")}

    manifest = manifest_of({}, {}, agents={"0": (seen, done), "1": (seen, done)})

    paths = [signal["path"] for signal in manifest["signals"]]
    assert paths[:4] == ["agents.0.inputs.x", "agents.0.action", "agents.1.inputs.x", "agents.1.action"]


def test_bounds_of_very_many_elements_are_told_as_one() -> None:
    """A manifest is one document: bounds of each pixel would not fit, and nothing could be watched."""
    low = np.linspace(0, 1, 100_800, dtype=np.float32).reshape(210, 160, 3)
    space = spaces.Box(low, low + np.float32(2))
    (modality,) = modalities_of_space(space, "camera").values()

    (told,) = manifest_of({"camera": modality}, {})["inputs"]

    assert (told["low"], told["high"], told["neutral"]) == (0.0, 3.0, None)
    assert told["shape"] == [210, 160, 3]


def test_a_model_without_save_says_how_it_is_saved(tmp_path: Path) -> None:
    """What the zoo copies of it, and what it cannot."""
    (tmp_path / "model.py").write_text(
        "import threading\nimport numpy as np\nclass Model:\n"
        "    def __init__(self):\n        self.w, self.lock = np.zeros((2, 3)), threading.Lock()\n"
        "    def act(self, observation):\n        return 1\n"
    )
    spec = {"type": "python_class", "path": str(tmp_path / "model.py")}
    agent = models.load(spec, {}, observation=None, action=None, stage=lambda _: None)

    manifest = manifest_of_agent(agent, None)

    said = [finding for finding in manifest["findings"] if finding.startswith("save: ")]
    assert said[0] == (
        "save: it has no save: the zoo copies its 1 tensor (48 bytes) and its values (measured in a dry run)"
    )
    assert said[1].startswith("save: lock is not saved, it stays as the constructor makes it: ")
    assert manifest["architecture"] == {
        "nodes": [
            {
                "id": "w",
                "name": "w",
                "type": "array",
                "parameterCount": 6.0,
                "outputShape": None,
                "attributes": {"shape": [2, 3]},
            }
        ],
        "edges": [],
        "parameterCount": 6.0,
    }


def test_layers_of_torch_are_told_in_order() -> None:
    """With counts of parameters, and edges where one follows the other; those that are shared count once."""
    torch = pytest.importorskip("torch")

    class Model:
        def __init__(self) -> None:
            self.net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
            self.head = self.net[2]

    found = architecture_of(Model())
    assert found is not None
    assert [(node["id"], node["type"], node["parameterCount"]) for node in found["nodes"]] == [
        ("net.0", "Linear", 40.0),
        ("net.1", "Tanh", 0.0),
        ("net.2", "Linear", 18.0),
    ]
    assert found["nodes"][0]["attributes"] == {"in_features": 4, "out_features": 8}
    assert found["edges"] == [{"source": "net.0", "target": "net.1"}, {"source": "net.1", "target": "net.2"}]
    assert found["parameterCount"] == 58.0
    assert architecture_of(object()) is None
