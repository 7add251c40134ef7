"""Signals are read only when somebody asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from zookeeper_runner.bell import Bell
from zookeeper_runner.signals import Captured, Signals, Unreadable


class Watching:
    def __init__(self) -> None:
        self.bell = Bell()
        self.signals = Signals(self.bell)
        self.results: list[Captured | Unreadable] = []
        self.signals.consumers.append(self.results.extend)

    def step(self, **moment: Any) -> None:
        for name, value in moment.items():
            setattr(self.signals.moment, name, value)
        self.signals.moment.version += 1

    def values(self) -> dict[str, Any]:
        return {each.path: each.value for each in self.results if isinstance(each, Captured)}


def test_each_kind_of_path_leads_to_its_value() -> None:
    """Inputs, outputs, action, reward, picture, state and metrics, nested ones by dots."""
    watching = Watching()
    signals = watching.signals
    signals.render = lambda: np.zeros((2, 2, 3), np.uint8)
    signals.state = lambda: {"deep": {"list": [1, {"x": 5}]}}
    watching.step(inputs={"arm.camera": 1, "b": 2}, outputs={"o": 3}, action={"left": 4}, reward=0.5, step=9)
    signals.metric("metrics.loss", 0.25, 9)
    paths = ["inputs.arm.camera", "inputs.b", "outputs.o", "action.left", "env.reward", "env.frame"]
    for path in [*paths, "state.deep.list.1.x", "metrics.loss"]:
        signals.request(path, -1)

    signals.serve()

    values = watching.values()
    assert values.pop("env.frame").shape == (2, 2, 3)
    assert list(values.values()) == [1, 2, 3, 4, 0.5, 5, 0.25]
    assert {each.step for each in watching.results if isinstance(each, Captured)} == {9}


def test_values_are_copies() -> None:
    """What the environment writes later does not change what was captured."""
    watching = Watching()
    seen = np.zeros(2)
    watching.step(inputs={"x": seen})
    watching.signals.request("inputs.x", -1)
    watching.signals.serve()
    seen[:] = 7

    assert watching.values()["inputs.x"].tolist() == [0, 0]


def test_a_value_that_was_seen_is_not_sent_again() -> None:
    """It stays wanted until there is a newer one."""
    watching = Watching()
    watching.step(reward=1.0)
    watching.signals.request("env.reward", watching.signals.moment.version)
    watching.signals.serve()
    assert watching.results == []
    assert watching.signals.wanted

    watching.step(reward=2.0)
    watching.signals.serve()

    assert watching.values() == {"env.reward": 2.0}
    assert not watching.signals.wanted


def test_asking_rings() -> None:
    """Also in a pause the newest value is captured at once."""
    watching = Watching()
    watching.signals.request("env.reward", -1)

    assert watching.bell.rung


def test_what_cannot_be_read_is_said_and_harms_nobody() -> None:
    """Code that raises when it is looked at does not end the instance."""
    watching = Watching()

    def state() -> Any:
        raise KeyError("gone")

    watching.signals.state = state
    watching.step(reward=1.0)
    watching.signals.request("state.x", -1)
    watching.signals.request("env.reward", -1)
    watching.signals.serve()

    (problem,) = [each for each in watching.results if isinstance(each, Unreadable)]
    assert problem.code == "AINIMAL_FAULT"
    assert "gone" in problem.message
    assert watching.values() == {"env.reward": 1.0}
