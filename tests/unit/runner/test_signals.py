"""Signals are read only when somebody asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from ainimal_zookeeper import tap
from zookeeper_runner import signals as module
from zookeeper_runner.bell import Bell
from zookeeper_runner.cutting import WHOLE, Cut
from zookeeper_runner.signals import Captured, Signals, Unreadable

from tests.unit.runner.taps.tapped import tapped


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


class Tapping:
    """A class that taps one value of its forward, and holds a weight."""

    def __init__(self) -> None:
        self.weight = np.ones(2)

    def forward(self, by: float) -> None:
        tap("hidden", self.weight * by)


def test_an_activation_comes_from_the_first_forward_after_it_was_asked_for() -> None:
    """It is kept from then on, so that in a pause the newest is there for the next who asks."""
    watching, subject = Watching(), Tapping()
    with tapped(subject) as taps:
        watching.signals.taps = taps
        subject.forward(1)
        taps.news()
        watching.step(outputs={"x": 1})
        watching.bell.answer()
        watching.signals.request("activations.hidden", -1)
        watching.bell.answer()
        watching.signals.serve()
        assert watching.results == []
        assert watching.bell.rung  # so that the next step is not one of many

        subject.forward(2)
        watching.step(outputs={"x": 1})
        watching.signals.serve()
        assert watching.values()["activations.hidden"].tolist() == [2, 2]

        watching.results.clear()
        watching.signals.request("activations.hidden", -1)
        watching.signals.serve()
        assert watching.values()["activations.hidden"].tolist() == [2, 2]


def test_what_was_captured_of_an_activation_stays_as_it_was() -> None:
    """What is kept of it is handed over without another copy, and neither the next forward nor who watches a part of it
    changes that.
    """
    watching, subject = Watching(), Tapping()
    with tapped(subject) as taps:
        watching.signals.taps = taps
        taps.observe("recorder", frozenset({"activations.hidden"}))
        for by in (1, 2, 3, 4):
            subject.forward(by)
            watching.step(outputs={"x": 1})
            watching.signals.request("activations.hidden", watching.signals.moment.version - 1)
            watching.signals.request("activations.hidden", watching.signals.moment.version - 1, Cut(index=(1,)))
            watching.signals.serve()
            assert taps.read("activations.hidden").tolist() == [by, by]
        told = [each for each in watching.results if isinstance(each, Captured)]
        whole = [each.value for each in told if each.cut is WHOLE]
        assert [value.tolist() for value in whole] == [[2, 2], [3, 3], [4, 4]]  # it is followed from the second on
        assert [each.value for each in told if each.cut is not WHOLE][-3:] == [2, 3, 4]
        assert np.shares_memory(whole[-1], taps.read("activations.hidden"))


def test_an_activation_is_let_go_when_nobody_asks_any_more() -> None:
    """Soon after the last request; nothing is kept in the forward then."""
    now = 100.0
    watching, subject = Watching(), Tapping()
    watching.signals = Signals(watching.bell, clock=lambda: now)
    with tapped(subject) as taps:
        watching.signals.taps = taps
        subject.forward(1)
        watching.step(outputs={"x": 1})
        watching.signals.request("activations.hidden", -1)
        watching.signals.serve()
        subject.forward(2)
        watching.step(outputs={"x": 1})
        watching.signals.serve()
        assert taps.read("activations.hidden") is not None

        now += 60.0
        watching.signals.serve()

        assert taps.read("activations.hidden") is None


def test_an_activation_of_no_inference_is_not_told() -> None:
    """While somebody else acts, the last one is not that of the step."""
    watching, subject = Watching(), Tapping()
    with tapped(subject) as taps:
        watching.signals.taps = taps
        taps.observe("test", frozenset({"activations.hidden"}))
        subject.forward(1)
        for _ in range(2):
            watching.step(outputs=None)
            watching.signals.request("activations.hidden", -1)
            watching.signals.serve()

        assert watching.results == []


def test_an_activation_that_never_comes_is_told_so() -> None:
    """After some steps without it, rather than never."""
    watching, subject = Watching(), Tapping()
    with tapped(subject) as taps:
        watching.signals.taps = taps
        subject.forward(1)
        watching.signals.request("activations.hidden", -1)
        for _ in range(module.PATIENCE + 1):
            watching.step(outputs={"x": 1})
            watching.signals.serve()

        (problem,) = watching.results
        assert isinstance(problem, Unreadable)
        assert problem.code == "INVALID_INPUT"
        assert "activations.hidden has not run in the last" in problem.message


def test_weights_and_plain_attributes_are_read_as_they_are() -> None:
    """At the moment when they are asked for, as copies."""
    watching, subject = Watching(), Tapping()
    with tapped(subject) as taps:
        watching.signals.taps = taps
        watching.step(outputs=None)
        watching.signals.request("weights.weight", -1)
        watching.signals.serve()
        subject.weight += 1

        assert watching.values()["weights.weight"].tolist() == [1, 1]


def test_weights_are_told_anew_when_the_model_has_learnt() -> None:
    """Also where it learns without acting, and no step is made; inputs stay what they are."""
    watching, subject = Watching(), Tapping()
    with tapped(subject) as taps:
        watching.signals.taps = taps
        watching.step(inputs={"x": 1.0}, outputs=None)
        watching.signals.request("weights.weight", -1)
        watching.signals.serve()
        (seen,) = watching.results
        assert isinstance(seen, Captured)
        watching.results.clear()
        subject.weight += 1
        watching.signals.moment.trained += 1
        watching.signals.request("weights.weight", seen.version)
        watching.signals.request("inputs.x", watching.signals.moment.version)
        watching.signals.serve()

        assert {path: value.tolist() for path, value in watching.values().items()} == {"weights.weight": [2, 2]}
