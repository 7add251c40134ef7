"""Timesteps and trajectories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.timestep import Timestep, Trajectory


def make(count: int, **last: Any) -> Trajectory:
    steps = [
        Timestep({"x": np.full(2, float(index)), "word": "hi"}, {"action": index % 2}, index % 2, 1.0, False, False)
        for index in range(count)
    ]
    for name, value in last.items():
        setattr(steps[-1], name, value)
    return Trajectory(steps)


def test_stacking_gives_arrays_by_name() -> None:
    """Time is the first axis; texts are kept as objects."""
    stacked = make(3, terminated=True, final_inputs={"x": np.full(2, 9.0), "word": "end"}).stack()
    assert stacked.observations["x"].tolist() == [[0, 0], [1, 1], [2, 2]]
    assert stacked.observations["word"].tolist() == ["hi", "hi", "hi"]
    assert stacked.actions.tolist() == [0, 1, 0]
    assert stacked.rewards.dtype == np.float64
    assert stacked.terminated.tolist() == [False, False, True]
    assert stacked.outputs is not None
    assert stacked.outputs["action"].tolist() == [0, 1, 0]
    assert stacked.next_observations is not None
    assert stacked.next_observations["x"].tolist() == [[1, 1], [2, 2], [9, 9]]


def test_what_followed_a_cut_is_not_made_up() -> None:
    """Without final inputs nobody knows what came after the last timestep."""
    trajectory = make(2)
    assert trajectory.following(1) is None
    assert trajectory.following(-1) is None
    assert trajectory.following(0) is trajectory[1].observation
    assert trajectory.following(-2) is trajectory[1].observation
    assert trajectory.stack().next_observations is None


def test_a_slice_is_a_trajectory() -> None:
    """Parts of a trajectory can be stacked too."""
    part = make(5)[1:3]
    assert isinstance(part, Trajectory)
    assert part.stack().actions.tolist() == [1, 0]


def test_an_empty_trajectory_has_no_shapes() -> None:
    """Stacking nothing says why it cannot be done."""
    with pytest.raises(ValueError, match="no timestep to take shapes from"):
        Trajectory().stack()


def test_the_end_of_an_episode_shows_in_scalars_and_vectors() -> None:
    """`last` and `discount` tell termination from truncation, for each environment of a vector."""
    cut = Timestep({}, None, 0, 0.0, False, True)
    assert (cut.last, cut.discount) == (True, 1.0)
    batch = Timestep({}, None, 0, np.zeros(2), np.array([True, False]), np.array([False, False]))
    assert batch.last.tolist() == [True, False]
    assert batch.discount.tolist() == [0.0, 1.0]


def test_actions_by_name_stack_by_name() -> None:
    """A world with several actions gives a dict of arrays; ragged ones stay objects."""
    steps = [
        Timestep({"a": [1] * (index + 1)}, None, {"steer": 0.5, "gas": index}, 0.0, False, False) for index in (0, 1)
    ]
    stacked = Trajectory(steps).stack()
    assert stacked.actions["gas"].tolist() == [0, 1]
    assert stacked.observations["a"].tolist() == [[1], [1, 1]]
    assert stacked.outputs is None
