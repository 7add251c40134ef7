"""Worlds that several agents share."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import environments
from ainimal_zookeeper.domain.errors import EnvFault, InvalidInput
from ainimal_zookeeper.environments.seated import neutral_action
from ainimal_zookeeper.environments.world import SeatedWorld

TWO = """
    from ainimal_zookeeper import Env, Modality

    class Two(Env):
        seats = 2
        observation_modalities = {"ball": Modality.scalar("ball")}
        action_modalities = {"move": Modality("move", "DISCRETE", (), "int64", 0, 2, neutral=1)}

        def reset(self, seed=None):
            return {"0": 0.0, "1": 1.0}

        def step(self, actions):
            self.last = actions
            return {seat: (0.5, float(action), action == 2, False, {}) for seat, action in actions.items()}
"""
PARALLEL = """
    from gymnasium import spaces

    class Pets:
        possible_agents = ["cat", "dog"]
        metadata = {"render_fps": 5}
        def observation_space(self, agent): return spaces.Discrete(4 if agent == "cat" else 2)
        def action_space(self, agent): return spaces.Dict({"go": spaces.Tuple([spaces.Discrete(2)])})
        def reset(self, seed=None, options=None): return {"cat": 3, "dog": 1}, {"cat": {}, "dog": {}}
        def step(self, actions):
            self.last = actions
            return {"cat": 2}, {"cat": 1}, {"cat": False}, {"cat": True}, {"cat": {"why": "dog left"}}
        def close(self): ...
"""


def seated(folder: Path, text: str) -> SeatedWorld:
    (folder / "world.py").write_text(dedent(text), encoding="utf-8")
    spec = {"type": "python_class", "path": str(folder / "world.py")}
    return environments.load_seated(spec, {}, seed=None, stage=lambda _: None)


def test_an_env_with_seats_steps_all_of_them(tmp_path: Path) -> None:
    """Actions and outcomes go by seat; all seats are alike."""
    world = seated(tmp_path, TWO)
    assert world.seats == ("0", "1")
    assert world.observation_of("1")[1] == "ball"
    assert world.reset(1) == {"0": 0.0, "1": 1.0}
    outcomes = world.step({"0": 0, "1": 2})
    assert outcomes["1"].reward == 2.0
    assert (outcomes["0"].terminated, outcomes["1"].terminated) == (False, True)
    assert neutral_action(world, "0") == 1
    world.close()


def test_a_parallel_world_keeps_its_names_and_loses_those_who_left(tmp_path: Path) -> None:
    """PettingZoo's agents are seats, each with its own channels; their values are translated."""
    world = seated(tmp_path, PARALLEL)
    assert world.seats == ("cat", "dog")
    assert world.observation_of("cat")[0]["observation"].count == 4
    assert list(world.action_of("dog")[0]) == ["go.0"]
    assert world.reset() == {"cat": 3, "dog": 1}
    outcomes = world.step({"cat": {"go.0": 1}, "dog": {"go.0": 0}})
    assert list(outcomes) == ["cat"]
    assert outcomes["cat"].truncated
    assert world._env.last == {"cat": {"go": (1,)}, "dog": {"go": (0,)}}  # type: ignore[attr-defined]


def test_any_world_is_one_with_one_seat() -> None:
    """A shared world may be an ordinary one."""
    spec = {"type": "gymnasium", "env_name": "CartPole-v1"}
    world = environments.load_seated(spec, {}, seed=None, stage=lambda _: None)
    assert world.seats == ("0",)
    assert world.reset(0)["0"].shape == (4,)
    outcome = world.step({"0": 1})["0"]
    assert (outcome.reward, outcome.terminated) == (1.0, False)
    world.close()


def test_alone_in_a_shared_world_the_others_stay_neutral(tmp_path: Path) -> None:
    """An instance that brings a world of two seats sits on the first."""
    (tmp_path / "world.py").write_text(dedent(TWO), encoding="utf-8")
    spec: dict[str, Any] = {"type": "python_class", "path": str(tmp_path / "world.py")}
    world = environments.load(spec, {}, seed=None, stage=lambda _: None)
    assert world.reset() == 0.0
    assert world.step(0).reward == 0.0
    assert world._world._env.last == {"0": 0, "1": np.int64(1)}  # type: ignore[attr-defined]


def test_a_step_that_is_not_by_seat_is_a_fault(tmp_path: Path) -> None:
    """The message says what the step of several seats must return."""
    world = seated(tmp_path, TWO.replace("return {seat: (0.5,", "return [(0.5,").replace("items()}", "items()]"))
    world.reset()
    with pytest.raises(EnvFault, match="2 seats returned a list; it must return a dict from seat"):
        world.step({"0": 0, "1": 0})


def test_a_vector_cannot_be_shared() -> None:
    """A world on its own is one environment; several are for an instance that brings them."""
    spec = {"type": "gymnasium", "env_name": "CartPole-v1", "num_envs": 3}
    with pytest.raises(InvalidInput, match="num_envs is 3, but a world on its own is one environment"):
        environments.load_seated(spec, {}, seed=None, stage=lambda _: None)
