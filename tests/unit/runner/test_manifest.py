"""The manifest names everything watchable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ainimal_zookeeper import models
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.spaces import modalities_of_space
from gymnasium import spaces
from zookeeper_runner.manifest import manifest_of
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
