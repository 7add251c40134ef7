"""Going on from a checkpoint: the same steps, to the bit, as if nothing had happened in between."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import environments, models
from ainimal_zookeeper.domain.documents import Mode
from zookeeper_runner import archive, chance
from zookeeper_runner.acting import Actor
from zookeeper_runner.batching import BatchActor
from zookeeper_runner.bell import Bell
from zookeeper_runner.checkpoint import seal, write
from zookeeper_runner.history import History
from zookeeper_runner.journal import Journal
from zookeeper_runner.session import Session
from zookeeper_runner.signals import Signals
from zookeeper_runner.stage import Stage

from tests.fakes.runner_link import launch_of

AINIMALS = Path(__file__).parents[3] / "ainimals"
CARTPOLE = {"type": "gymnasium", "env_name": "CartPole-v1"}
CATCH = {"type": "python_class", "path": str(AINIMALS / "catcher.py"), "class_name": "Catch"}
BOTH: Mode = {"training": True, "inference": True}
EXAMPLES = {
    "numpy": ("balancer.py", "Balancer", CARTPOLE),
    "torch": ("deep_balancer.py", "DeepBalancer", CARTPOLE),
    "pictures": ("catcher.py", "Catcher", CATCH),
}


class Life:
    """An example in its world, as a runner has it, and all that it lives through."""

    def __init__(self, example: str, seed: int = 5, world: Mapping[str, Any] | None = None, **parameters: Any) -> None:
        file, name, usual = EXAMPLES[example]
        np.random.seed(seed)
        self.bell = Bell()
        self.session = Session(launch_of(), self.bell)
        signals = Signals(self.bell)
        self.journal = Journal(self.session, signals, History(0))
        self.world = environments.load(world or usual, {}, seed=seed, stage=lambda _: None)
        spec = {"type": "python_class", "path": str(AINIMALS / file), "class_name": name}
        self.parameters = parameters
        self.agent = models.load(
            spec, parameters, observation=self.world.observation, action=self.world.action, stage=lambda _: None
        )
        if "torch" in sys.modules:
            sys.modules["torch"].manual_seed(seed)
        kind = BatchActor if self.world.vectorized else Actor
        self.actor: Any = kind(self.agent, self.world, self.journal, self.bell, seed)
        self.stage = Stage(self.actor, self.agent, parameters=parameters, keeps=self.actor)

    @property
    def counters(self) -> Any:
        return self.session.counters

    def steps(self, count: int) -> list[str]:
        """Makes `count` steps and returns all that can be seen of each."""
        seen = []
        for _ in range(count):
            self.bell.ring()
            self.actor.act(BOTH)
            moment = self.journal.moment
            parts = [np.asarray(part).tobytes().hex() for part in moment.inputs.values()]
            seen.append(repr((parts, moment.action, moment.reward, self.counters.loss, self.counters.episode)))
        return seen

    def until_an_episode_begins(self) -> None:
        episode = self.counters.episode
        while self.counters.episode == episode:
            self.steps(1)

    def save(self, folder: Path) -> dict[str, int]:
        folder.mkdir(parents=True)
        written = write(self.agent, self.counters, self.actor, self.parameters)
        with written.place:
            seal(written, folder / "state.zip")
        return {"step": written.step, "episode": written.episode}

    def put_back(self, folder: Path, point: dict[str, int]) -> list[str]:
        self.counters.step, self.counters.episode = point["step"], point["episode"]
        return self.stage.put_back(str(folder), point)


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("where", ["in place", "anew"])
def test_the_same_steps_follow_a_checkpoint_between_two_episodes(tmp_path: Path, example: str, where: str) -> None:
    """Observations, actions, rewards and losses of 500 steps are the same to the bit, in the same object or another."""
    if example == "torch":
        pytest.importorskip("torch")
    life = Life(example)
    life.actor.begin()
    life.steps(700)
    life.until_an_episode_begins()
    point = life.save(tmp_path / "it")
    expected = life.steps(500)

    again = life if where == "in place" else Life(example, seed=77)
    told = again.put_back(tmp_path / "it", point)

    assert told == []
    assert again.steps(500) == expected


@pytest.mark.parametrize("example", ["numpy", "torch"])
def test_the_same_steps_follow_in_another_process(tmp_path: Path, example: str) -> None:
    """Nothing that they need is left behind in the process that saved."""
    if example == "torch":
        pytest.importorskip("torch")
    life = Life(example)
    life.actor.begin()
    life.steps(700)
    life.until_an_episode_begins()
    point = life.save(tmp_path / "it")
    expected = life.steps(500)
    (tmp_path / "point.json").write_text(json.dumps(point))
    program = (
        "import json, sys, pathlib; from tests.unit.runner.test_continuing import Life; at = pathlib.Path(sys.argv[1]);"
        "life = Life(sys.argv[2], seed=3); life.put_back(at / 'it', json.loads((at / 'point.json').read_text()));"
        "print(json.dumps(life.steps(500)))"
    )

    root = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), example], cwd=root, check=True, capture_output=True, text=True
    )

    assert json.loads(ran.stdout) == expected


def test_a_world_without_a_state_begins_a_new_episode_and_says_so(tmp_path: Path) -> None:
    """In the middle of an episode what has been learnt goes on, the episode does not, nor a trajectory across."""
    life = Life("numpy")
    life.actor.begin()
    life.until_an_episode_begins()
    life.steps(5)
    point = life.save(tmp_path / "it")
    weights = {name: array.copy() for name, array in life.agent.subject.weights.items()}
    life.steps(600)

    told = life.put_back(tmp_path / "it", point)

    assert told == ["CartPole-v1 cannot restore its state: a new episode starts"]
    for name, array in life.agent.subject.weights.items():
        np.testing.assert_array_equal(array, weights[name])
    life.steps(300)


def test_the_seed_of_the_launch_counts_once(tmp_path: Path) -> None:
    """An attempt that starts from a checkpoint does not begin with the episode of its seed again."""
    life = Life("numpy", seed=5)
    life.actor.begin()
    life.until_an_episode_begins()
    life.steps(3)
    point = life.save(tmp_path / "it")
    first = Life("numpy", seed=5)
    first.actor.begin()
    begun = first.journal.moment.inputs["observation"].copy()

    again = Life("numpy", seed=5)
    again.put_back(tmp_path / "it", point)

    assert again.journal.moment.inputs["observation"].tolist() != begun.tolist()


def test_an_episode_of_the_seed_is_begun_with_it_again(tmp_path: Path) -> None:
    """What was saved before the first step goes on like that, although chance came from the launch."""
    life = Life("numpy")
    life.actor.begin()
    point = life.save(tmp_path / "it")
    expected = life.steps(300)

    again = Life("numpy", seed=77)

    assert again.put_back(tmp_path / "it", point) == []
    assert again.steps(300) == expected


def test_a_vector_of_worlds_begins_anew_and_keeps_what_was_learnt(tmp_path: Path) -> None:
    """Its environments are in the middle of episodes at all times but the first."""
    life = Life("numpy", world={**CARTPOLE, "num_envs": 3})
    life.actor.begin()
    first = life.save(tmp_path / "first")
    expected = life.steps(60)
    later = life.save(tmp_path / "later")

    assert life.put_back(tmp_path / "first", first) == []
    assert life.steps(60) == expected
    assert life.put_back(tmp_path / "later", later) == ["CartPole-v1 cannot restore its state: a new episode starts"]
    life.steps(10)


WORLD_WITH_STATE = """
import numpy as np
from ainimal_zookeeper import Env, Modality


class Drift(Env):
    def __init__(self):
        self.rng = np.random.default_rng()
        self.at, self.age = np.zeros(4, np.float32), 0

    @property
    def observation_modalities(self):
        return {"observation": Modality("observation", "VECTOR", (4,))}

    @property
    def action_modalities(self):
        return {"action": Modality.discrete("action", 2)}

    def reset(self, seed=None):
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.at, self.age = self.rng.normal(size=4).astype(np.float32), 0
        return self.at

    def step(self, action):
        self.at = self.at + self.rng.normal(size=4).astype(np.float32) + action
        self.age += 1
        return self.at, float(self.at[0]), self.age >= 50, False, {}

    def get_state(self):
        return {"at": self.at, "age": self.age, "rng": self.rng}

    def set_state(self, state):
        self.at, self.age, self.rng = state["at"], state["age"], state["rng"]
"""


def test_a_world_that_gives_its_state_goes_on_in_the_middle_of_an_episode(tmp_path: Path) -> None:
    """With get_state and set_state there is no difference between one step and another."""
    (tmp_path / "drift.py").write_text(WORLD_WITH_STATE)
    world = {"type": "python_class", "path": str(tmp_path / "drift.py"), "class_name": "Drift"}
    life = Life("numpy", world=world)
    life.actor.begin()
    life.steps(333)
    point = life.save(tmp_path / "it")
    expected = life.steps(500)

    again = Life("numpy", seed=9, world=world)
    told = again.put_back(tmp_path / "it", point)

    assert told == []
    assert again.steps(500) == expected
    assert life.put_back(tmp_path / "it", point) == []
    assert life.steps(500) == expected


def test_what_is_learnt_from_without_acting_is_kept(tmp_path: Path) -> None:
    """Past trajectories come back with the turn that they take."""
    life = Life("numpy")
    life.actor.begin()
    life.steps(600)
    point = life.save(tmp_path / "it")
    assert life.actor.has_past

    again = Life("numpy", seed=9)
    again.put_back(tmp_path / "it", point)

    assert again.actor.has_past
    kept, made = life.actor._trainer, again.actor._trainer
    assert [len(trajectory) for trajectory, _ in made._past] == [len(trajectory) for trajectory, _ in kept._past]
    for mine, theirs in zip(made._past[1][0], kept._past[1][0], strict=True):
        np.testing.assert_array_equal(mine.observation["observation"], theirs.observation["observation"])
        assert (mine.action, mine.reward, mine.last) == (theirs.action, theirs.reward, theirs.last)


def test_a_checkpoint_says_what_it_is(tmp_path: Path) -> None:
    """Its first entry tells the format, and whether reading it runs code."""
    life = Life("numpy")
    life.actor.begin()
    life.steps(3)
    life.save(tmp_path / "it")

    inside = archive.look_into(tmp_path / "it" / "state.zip")

    facts = json.loads(bytes(inside["zoo.json"]))
    assert (facts["format"], facts["needsPickle"], facts["episodeStep"]) == (2, False, 3)
    assert {"saved/balancer.npz", "runner/values.json", "runner/tensors.safetensors"} <= inside.keys()


def test_chance_is_put_back() -> None:
    """Python's and NumPy's numbers are the same again."""
    before = chance.states()
    drawn = np.random.random(3).tolist()
    np.random.seed(1)
    chance.put_back(before)
    assert np.random.random(3).tolist() == drawn
