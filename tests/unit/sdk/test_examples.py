"""The example ainimals: each loads, lives and saves as its file promises."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import environments, models
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.environments.world import World
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.models.outputs import check_outputs
from ainimal_zookeeper.timestep import Timestep, Trajectory

AINIMALS = Path(__file__).parents[3] / "ainimals"
CARTPOLE = {"type": "gymnasium", "env_name": "CartPole-v1"}
CATCH = {"type": "python_class", "path": str(AINIMALS / "catcher.py"), "class_name": "Catch"}


def quiet(_: str) -> None:
    return


def load(file: str, name: str, world: World | None, **parameters: Any) -> Agent:
    return models.load(
        {"type": "python_class", "path": str(AINIMALS / file), "class_name": name},
        parameters,
        observation=None if world is None else world.observation,
        action=None if world is None else world.action,
        stage=quiet,
    )


def live(agent: Agent, world: World, steps: int, seed: int) -> list[float]:
    """Acts and learns for some steps, as a runner would; returns the return of each finished episode."""
    assert world.observation_key is not None
    assert world.action_key is not None
    assert agent.can.train is not None
    assert isinstance(agent.train_every, int)
    seen, gathered, returns, total = world.reset(seed), [], [], 0.0
    for _ in range(steps):
        inputs = {world.observation_key: seen}
        outputs = agent.forward(inputs)
        action = outputs[world.action_key]
        seen, reward, terminated, truncated, _ = world.step(action)
        total += float(reward)
        step = Timestep(inputs, outputs, action, reward, terminated, truncated)
        gathered.append(step)
        if step.last or len(gathered) == agent.train_every:
            step.final_inputs = {world.observation_key: seen}
        if len(gathered) == agent.train_every:
            agent.can.train(Trajectory(gathered))
            gathered = []
        if step.last:
            returns.append(total)
            total, seen = 0.0, world.reset()
    return returns


def test_the_balancer_learns_to_balance(tmp_path: Path) -> None:
    """It gets far better within a minute's fraction, and what it learnt is saved and loaded."""
    np.random.seed(0)
    world = environments.load(CARTPOLE, {}, seed=0, stage=quiet)
    agent = load("balancer.py", "Balancer", world)
    returns = live(agent, world, 14_000, seed=0)
    assert np.mean(returns[:10]) < 60
    assert np.mean(returns[-10:]) > 150
    assert agent.can.save is not None
    assert agent.can.load is not None
    assert agent.can.state is not None
    agent.can.save(str(tmp_path))
    other = load("balancer.py", "Balancer", world)
    assert other.can.load is not None
    assert other.can.state is not None
    other.can.load(str(tmp_path))
    np.testing.assert_array_equal(other.can.state()["policy_in"], agent.can.state()["policy_in"])
    assert agent.can.metrics is not None
    assert set(agent.can.metrics()) == {"entropy", "return_estimate"}


def test_the_catcher_learns_from_pictures() -> None:
    """It misses most balls at first, and soon catches most."""
    np.random.seed(1)
    world = environments.load(CATCH, {"paddle_width": 20}, seed=1, stage=quiet)
    assert world.observation["image"].kind.value == "IMAGE"
    agent = load("catcher.py", "Catcher", world)
    returns = live(agent, world, 5_000, seed=1)
    assert np.mean(returns[-3:]) > np.mean(returns[:3]) + 2


@pytest.mark.parametrize(
    ("file", "name", "spec"),
    [("balancer.py", "Balancer", CARTPOLE), ("catcher.py", "Catcher", CATCH)],
)
def test_outputs_keep_their_promise(file: str, name: str, spec: dict[str, Any]) -> None:
    """What an example returns is what it declares, or what its world takes."""
    world = environments.load(spec, {}, seed=0, stage=quiet)
    agent = load(file, name, world)
    assert world.observation_key is not None
    check_outputs(agent.forward({world.observation_key: world.reset(0)}), agent.outputs)


def test_the_parrot_keeps_conversations_apart(tmp_path: Path) -> None:
    """What is told in one conversation is not the context of another; what it heard is saved."""
    agent = load("parrot.py", "Parrot", None, length=12)
    assert agent.can.get_recurrent is not None
    assert agent.can.set_recurrent is not None
    blank = agent.can.get_recurrent()
    answer = agent.forward({"text": "The tiger "})
    check_outputs(answer, agent.outputs)
    assert len(answer["text"]) == 12
    first = agent.can.get_recurrent()
    assert first.startswith("the tiger ")
    agent.can.set_recurrent(blank)
    agent.forward({"text": "who "})
    assert agent.can.get_recurrent().startswith("who ")
    assert agent.can.save is not None
    assert agent.can.load is not None
    agent.can.save(str(tmp_path))
    agent.can.load(str(tmp_path))
    check_outputs(agent.forward({"text": ""}), agent.outputs)


def test_two_players_play_pong() -> None:
    """The attentive player wins against one that never looks."""
    spec = {"type": "python_class", "path": str(AINIMALS / "pong.py"), "class_name": "Pong"}
    world = environments.load_seated(spec, {"speed": 3.0}, seed=0, stage=quiet)
    modalities, key = world.observation_of("0")
    assert key is not None
    players = {
        seat: models.load(
            {"path": str(AINIMALS / "pong.py"), "class_name": "PongPlayer"},
            {"attention": attention},
            observation=modalities,
            action=world.action_of(seat)[0],
            stage=quiet,
        )
        for seat, attention in (("0", 1.0), ("1", 0.0))
    }
    score = 0.0
    for game in range(10):
        seen = world.reset(game)
        for _ in range(400):
            actions = {seat: player.forward({key: seen[seat]})["move"] for seat, player in players.items()}
            outcomes = world.step(actions)
            seen = {seat: outcome.observation for seat, outcome in outcomes.items()}
            score += outcomes["0"].reward
            if outcomes["0"].terminated:
                break
    assert score > 5
    assert world.render().shape == (240, 320, 3)


def test_the_deep_balancer_needs_torch_and_says_so() -> None:
    """With torch it acts; without, the message names the package and the interpreter."""
    world = environments.load(CARTPOLE, {}, seed=0, stage=quiet)
    if importlib.util.find_spec("torch") is None:
        with pytest.raises(AInimalFault, match=r"needs the package torch, which .* does not have"):
            load("deep_balancer.py", "DeepBalancer", world)
        return
    agent = load("deep_balancer.py", "DeepBalancer", world)
    check_outputs(agent.forward({"observation": world.reset(0)}), agent.outputs)
