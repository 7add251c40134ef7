"""Training: trajectories are cut where they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.timestep import Timestep, Trajectory
from zookeeper_runner.training import LONGEST, Trainer


def timestep(number: int, *, terminated: bool = False, truncated: bool = False) -> Timestep:
    return Timestep({"x": number}, {"a": 0}, 0, 1.0, terminated, truncated)


class Learner:
    def __init__(self, result: Any = None) -> None:
        self.trajectories: list[Trajectory] = []
        self._result = result

    def train(self, trajectory: Trajectory) -> Any:
        self.trajectories.append(trajectory)
        return self._result


def test_an_episode_is_learnt_from_at_its_end() -> None:
    """One call per episode, whose last timestep holds the inputs that followed."""
    learner = Learner(result=np.array([1.0, 3.0]))
    trainer = Trainer(learner.train, "episode")

    results = [trainer.add(timestep(n, truncated=n == 4), {"x": n + 1}) for n in range(5)]

    assert results == [None, None, None, None, {"loss": 2.0}]
    (trajectory,) = learner.trajectories
    assert [step.final_inputs for step in trajectory] == [None, None, None, None, {"x": 5}]
    assert trajectory.stack().next_observations["x"].tolist() == [1, 2, 3, 4, 5]  # type: ignore[index]


def test_an_endless_episode_is_learnt_from_in_parts() -> None:
    """At the latest every 2048 timesteps."""
    learner = Learner()
    trainer = Trainer(learner.train, "episode")

    for number in range(LONGEST + 1):
        trainer.add(timestep(number), {"x": number + 1})

    assert [len(trajectory) for trajectory in learner.trajectories] == [LONGEST]
    assert learner.trajectories[0][-1].final_inputs == {"x": LONGEST}


def test_a_number_of_timesteps_crosses_episodes() -> None:
    """TRAIN_EVERY as a number counts timesteps; ends of episodes inside hold what followed."""
    learner = Learner()
    trainer = Trainer(learner.train, 4)

    for number in range(8):
        trainer.add(timestep(number, terminated=number % 3 == 2), {"x": 100 + number})

    assert [len(trajectory) for trajectory in learner.trajectories] == [4, 4]
    assert learner.trajectories[0][2].final_inputs == {"x": 102}
    assert learner.trajectories[0][3].final_inputs == {"x": 103}


def driven(number: int, **ends: bool) -> Timestep:
    """A timestep in which somebody executed action 9 where the agent proposed 0."""
    return Timestep({"x": number}, {"a": 0}, 9, 1.0, False, ends.get("truncated", False), driver="somebody")


@pytest.mark.parametrize(("on", "actions"), [("executed", [0, 9, 0]), ("proposed", [0, 0, 0])])
def test_train_on_says_which_action_counts_when_somebody_drove(on: Any, actions: list[int]) -> None:
    """What was done, or what the agent would have done."""
    learner = Learner()
    trainer = Trainer(learner.train, "episode", on=on, proposed=lambda outputs: outputs["a"])

    for step in (timestep(0), driven(1), timestep(2, terminated=True)):
        trainer.add(step, {"x": step.observation["x"] + 1})

    assert [step.action for step in learner.trajectories[0]] == actions


def test_train_on_skip_cuts_the_trajectory_where_somebody_drove() -> None:
    """What came before is learnt from, with the inputs that followed it; nothing of what was driven is."""
    learner = Learner()
    trainer = Trainer(learner.train, "episode", on="skip")

    for step in (timestep(0), timestep(1), driven(2), driven(3), timestep(4), timestep(5, terminated=True)):
        trainer.add(step, {"x": step.observation["x"] + 1})

    before, after = learner.trajectories
    assert [step.observation["x"] for step in before] == [0, 1]
    assert before[-1].final_inputs == {"x": 2}
    assert [step.observation["x"] for step in after] == [4, 5]


def test_skipped_timesteps_do_not_join_what_lies_around_them() -> None:
    """With TRAIN_EVERY as a number one trajectory goes on, but says what followed before somebody drove."""
    learner = Learner()
    trainer = Trainer(learner.train, 3, on="skip")

    for step in (timestep(0), driven(1), timestep(2), driven(3, truncated=True), timestep(4)):
        trainer.add(step, {"x": step.observation["x"] + 1})

    (trajectory,) = learner.trajectories
    assert [step.observation["x"] for step in trajectory] == [0, 2, 4]
    assert [trajectory.following(index) for index in range(3)] == [{"x": 1}, {"x": 3}, {"x": 5}]


def test_what_was_lived_through_can_be_learnt_again() -> None:
    """Without acting, the kept trajectories come in turn."""
    learner = Learner()
    trainer = Trainer(learner.train, 1)
    assert not trainer.has_past
    for number in range(3):
        trainer.add(timestep(number), {"x": 0})

    for _ in range(6):
        trainer.relearn()

    seen = [trajectory[0].observation["x"] for trajectory in learner.trajectories[3:]]
    assert sorted(seen) == [0, 0, 1, 1, 2, 2]


def test_the_past_is_bounded() -> None:
    """Old trajectories go when there are too many timesteps or bytes."""
    trainer = Trainer(lambda _: None, 1)
    big = np.zeros(64 * 2**20, np.uint8)

    for _ in range(10):
        trainer.add(Timestep({"x": big}, None, 0, 0.0, False, False), {"x": big})

    assert len(trainer._past) <= 4


def test_a_cut_forgets_what_was_not_learnt_from() -> None:
    """After a cut the next trajectory starts anew."""
    learner = Learner()
    trainer = Trainer(learner.train, 2)
    trainer.add(timestep(0), {"x": 1})
    trainer.cut()
    trainer.add(timestep(5), {"x": 6})
    trainer.add(timestep(6), {"x": 7})

    assert [step.observation["x"] for step in learner.trajectories[0]] == [5, 6]


@pytest.mark.parametrize("result", ["good", {"loss": object()}])
def test_a_loss_that_is_no_number_is_a_fault(result: Any) -> None:
    """The message names what came."""
    with pytest.raises(AInimalFault, match="train returned"):
        Trainer(Learner(result).train, 1).add(timestep(0), {"x": 0})


def test_what_train_raises_is_a_fault() -> None:
    """Also a request to exit the process."""

    def train(_: Trajectory) -> None:
        raise SystemExit(1)

    with pytest.raises(AInimalFault, match="exit"):
        Trainer(train, 1).add(timestep(0), {"x": 0})
