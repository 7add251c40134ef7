"""Arrows: who stands at those of the step, in which order, and what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.documents import Mode
from ainimal_zookeeper.domain.overrides import Terms
from ainimal_zookeeper.models.agent import Agent, Capabilities
from zookeeper_runner.acting import Actor
from zookeeper_runner.arrows import Arrows, touches
from zookeeper_runner.batching import BatchActor
from zookeeper_runner.overrides import Overrides

from tests.fakes.runner_link import wanted
from tests.unit.runner.test_acting import ACT, BOTH, NEUTRAL, Corridor, Corridors, Setting
from tests.unit.runner.test_standing import override


class Rules:
    """Adds ten to inputs, one to the output "move", and clamps actions to two at most."""

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.active = True
        self.calls: list[str] = []

    def begin(self, step: int) -> None:
        self.calls.append(f"begin {step}")

    def inputs(self, inputs: Any) -> Any:
        self.calls.append("inputs")
        self.changed.add("inputs.place")
        return {name: value + 10 for name, value in inputs.items()}

    def outputs(self, outputs: Any) -> Any:
        self.calls.append("outputs")
        self.changed.add("outputs.move")
        return {**outputs, "move": outputs["move"] + 1}

    def action(self, action: Any, *, clamps: bool) -> Any:
        self.calls.append("clamps" if clamps else "action")
        return min(action, 2) if clamps else action

    def learnt(self) -> None:
        self.calls.append("learnt")

    def patched(self) -> dict[str, Any]:
        return {}


class Driver:
    """Drives everything to seven."""

    active = True

    def __init__(self) -> None:
        self.seen: list[tuple[Any, int]] = []

    def drive(self, action: Any, step: int) -> tuple[Any, str | None]:
        self.seen.append((action, step))
        return 7, "usr_ada"


class Sink:
    def __init__(self, arrows: Arrows) -> None:
        self.active = True
        self.steps: list[tuple[Any, ...]] = []
        self.finals: list[Any] = []
        self.episodes = 0
        self._arrows = arrows

    def took(
        self, inputs: Any, outputs: Any, action: Any, reward: Any, terminated: Any, truncated: Any, final: Any = None
    ) -> None:
        seen = float(inputs["place"][0])
        self.steps.append((seen, outputs, action, reward, terminated, truncated, self._arrows.driver))
        self.finals.append(None if final is None else float(final["place"][0]))

    def began(self) -> None:
        self.episodes += 1


def arranged(mode: Mode, steps: int, **standing: Any) -> tuple[Setting, Corridor, Arrows]:
    world: Any = Corridor()
    setting = Setting(world)
    arrows = Arrows()
    for name, each in standing.items():
        setattr(arrows, name, each)
    setting.actor = Actor(setting.agent, world, setting.journal, setting.bell, 11, arrows)
    setting.actor.begin()
    setting.steps(steps, mode)
    return setting, world, arrows


@pytest.mark.parametrize("mode", [ACT, BOTH])
def test_rules_come_before_the_driver_and_clamps_after(mode: Mode) -> None:
    """The environment receives the driver's action within the clamps; what was observed and proposed stays."""
    rules, driver = Rules(), Driver()
    setting, world, arrows = arranged(mode, 2, rules=rules, driving=driver)

    assert rules.calls[:5] == ["begin 1", "inputs", "outputs", "action", "clamps"]
    assert driver.seen == [(2, 1), (3, 2)]
    assert world.actions == [2, 2]
    moment = setting.signals.moment
    assert moment.inputs["place"].tolist() == [1.0]
    assert moment.outputs == {"move": 2, "value": 1.5}
    assert (moment.action, moment.driver) == (2, "usr_ada")
    assert moment.overridden == {"inputs.place", "outputs.move", "action"} == arrows.overridden


def test_a_driver_drives_where_nothing_is_inferred() -> None:
    """In the mode none the neutral action is proposed, and rules on inputs have nothing to do."""
    rules, driver = Rules(), Driver()
    _, world, _ = arranged(NEUTRAL, 1, rules=rules, driving=driver)

    assert world.actions == [2]
    assert driver.seen == [(0, 1)]
    assert "inputs" not in rules.calls


def test_training_is_told_who_drove_and_rules_hold_after_it() -> None:
    """Timesteps carry the driver and whether anything was changed."""
    rules = Rules()
    setting, _, _ = arranged(BOTH, 3, rules=rules, driving=Driver())

    (trajectory,) = setting.trajectories
    assert [step.driver for step in trajectory] == ["usr_ada"] * 3
    assert all(step.overridden for step in trajectory)
    assert rules.calls[-1] == "learnt"


def test_sinks_take_every_step_and_each_beginning() -> None:
    """A sink that is active gets what was observed, returned and executed, in order."""
    arrows = Arrows()
    sink = Sink(arrows)
    world: Any = Corridor()
    setting = Setting(world)
    arrows.sinks.append(sink)
    setting.actor = Actor(setting.agent, world, setting.journal, setting.bell, 11, arrows)
    setting.actor.begin()
    setting.steps(4)

    assert [step[0] for step in sink.steps] == [0.0, 1.0, 2.0, 0.0]
    assert [step[4] for step in sink.steps] == [False, False, True, False]
    assert sink.steps[0][1:4] == ({"move": 0, "value": 1.5}, 0, 0.5)
    assert sink.finals == [None, None, 3.0, None]
    assert sink.episodes == 2


def test_nobody_is_no_one() -> None:
    """What does not act leaves the plain loop alone; what acts ends that."""
    arrows = Arrows()
    rules, sink = Rules(), Sink(arrows)
    rules.active = sink.active = False
    arrows.rules, arrows.sinks = rules, [sink]

    said = [(arrows.plain, arrows.changing)]
    sink.active = True
    said.append((arrows.plain, arrows.changing))
    rules.active = True
    said.append((arrows.plain, arrows.changing))

    assert said == [(True, False), (False, False), (False, True)]


def test_marks_end_with_the_step() -> None:
    """After the last rule has gone, values are not said to be overridden any more."""
    rules = Rules()
    setting, _, arrows = arranged(ACT, 1, rules=rules)
    assert setting.signals.moment.overridden
    rules.active = False
    setting.steps(1)

    assert setting.signals.moment.overridden == frozenset() == arrows.overridden


def test_a_path_is_touched_by_its_parts_and_its_whole() -> None:
    """`action` is overridden where `action.steer` is, and the other way round."""
    assert touches(frozenset({"action.steer"}), "action")
    assert touches(frozenset({"action"}), "action.steer")
    assert touches(frozenset({"inputs.a"}), "inputs.a")
    assert not touches(frozenset({"inputs.ab"}), "inputs.a")
    assert not touches(frozenset(), "inputs.a")


def test_only_what_the_driver_replaced_is_marked() -> None:
    """A driver of one part of an action leaves the others the model's."""

    class Partly:
        active = True

        def drive(self, action: Any, step: int) -> tuple[Any, str | None]:
            return {**action, "steer": np.float32(step)}, "usr_ada"

    arrows = Arrows()
    arrows.driving = Partly()
    arrows.begin(3)
    action = arrows.action({"steer": 0.0, "gas": 1.0}, 3)

    assert action == {"steer": 3.0, "gas": 1.0}
    assert arrows.overridden == {"action.steer"}


def test_rules_act_on_every_environment_of_a_vector() -> None:
    """Inputs and actions of all are ruled; sinks take batches, and timesteps say that they were."""
    world: Any = Corridors()
    learnt: list[Any] = []
    agent = Agent(
        forward=lambda inputs: {"move": int(inputs["place"][0]) % 3},
        inputs=dict(world.observation),
        outputs=dict(world.action),
        can=Capabilities(train=learnt.append),
        train_every=2,
    )
    setting = Setting(world, agent=agent)
    arrows = Arrows()
    taken: list[Any] = []
    finals: list[Any] = []

    class Batches(Sink):
        def took(
            self,
            inputs: Any,
            outputs: Any,
            action: Any,
            reward: Any,
            terminated: Any,
            truncated: Any,
            final: Any = None,
        ) -> None:
            taken.append((inputs["place"].tolist(), action.tolist(), terminated.tolist(), truncated.tolist()))
            finals.append(None if final is None else final["place"].tolist())

    arrows.sinks = [Batches(arrows)]
    rules = Overrides(setting.session, arrows, lambda: None)
    rules.heed(
        {
            **wanted(),
            "overrides": [override("inputs.place", Terms("SET", value=2, index=(0,)))],
        }
    )
    setting.actor = BatchActor(agent, world, setting.journal, setting.bell, 11, arrows)
    setting.actor.begin()
    setting.steps(2, BOTH)

    assert world.actions == [[2, 2], [2, 2]]
    assert taken[0] == ([[0.0], [0.0]], [2, 2], [False, False], [False, False])
    assert finals == [None, [[2.0], [2.0]]]
    assert setting.signals.moment.overridden == {"inputs.place"}
    assert all(step.overridden for trajectory in learnt for step in trajectory)
    assert len(learnt) == 2
