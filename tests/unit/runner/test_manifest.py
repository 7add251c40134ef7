"""The manifest names everything watchable."""

from __future__ import annotations

import numpy as np
from ainimal_zookeeper.modality import Modality
from zookeeper_runner.manifest import manifest_of, state_signals


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

    assert [signal["path"] for signal in state_signals(state)] == ["state.a.b", "state.d", "state.e.0.f"]


def test_seats_are_told_apart() -> None:
    """A shared world names each agent's inputs and action."""
    seen, done = {"x": Modality.scalar("x")}, {"y": Modality.scalar("y")}

    manifest = manifest_of({}, {}, agents={"0": (seen, done), "1": (seen, done)})

    paths = [signal["path"] for signal in manifest["signals"]]
    assert paths[:4] == ["agents.0.inputs.x", "agents.0.action", "agents.1.inputs.x", "agents.1.action"]
