"""The manifest names everything watchable."""

from __future__ import annotations

from itertools import count as counted_from
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.spaces import modalities_of_space
from gymnasium import spaces
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
