"""Environments as worlds, whatever they were written in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import environments
from ainimal_zookeeper.domain.errors import EnvFault, InvalidInput, ZookeeperError
from ainimal_zookeeper.environments.world import World

Make = Callable[..., World]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Loads a world, from the text of a file where one is given."""
    made: list[World] = []

    def load(
        text: str | None = None, parameters: dict[str, Any] | None = None, seed: int | None = None, **spec: Any
    ) -> World:
        if text is not None:
            (tmp_path / "world.py").write_text(dedent(text), encoding="utf-8")
            spec = {"type": "python_class", "path": str(tmp_path / "world.py"), **spec}
        world = environments.load(spec, parameters or {}, seed=seed, stage=lambda _: None)
        made.append(world)
        return world

    yield load
    for world in made:
        world.close()
        world.close()


ENV = """
    import numpy as np
    from ainimal_zookeeper import Env, Modality

    class Line(Env):
        frame_rate = 10
        observation_modalities = {"place": Modality.scalar("place")}
        action_modalities = {"move": Modality.discrete("move", 3)}

        def __init__(self, length=3, seed=None):
            self.length, self.seed_given, self.seen = length, seed, []

        def reset(self, seed=None):
            self.seen.append(seed)
            return 0.0

        def step(self, action):
            self.seen.append(action)
            return 1.0, 0.5, True, False, {}

        def render(self):
            return np.zeros((4, 5, 3), np.uint8)
"""


def test_a_registered_environment_steps_directly(make: Make) -> None:
    """Nothing stands between the runner and Gymnasium's own step."""
    world = make(type="gymnasium", env_name="CartPole-v1")
    first = world.reset(7)
    assert world.reset(7).tolist() == first.tolist()
    assert world.step.__module__.startswith("gymnasium")
    observation, reward, terminated, truncated, _ = world.step(1)
    assert (observation.shape, reward, terminated, truncated) == ((4,), 1.0, False, False)
    assert (world.observation_key, world.action_key, world.frame_rate) == ("observation", "action", 50.0)
    picture = world.render()
    assert picture.dtype == np.uint8
    assert picture.ndim == 3


def test_a_vector_starts_ended_episodes_anew_in_the_same_step(make: Make) -> None:
    """Modalities are those of one environment; the last observation of an ended one is in the info."""
    world = make(type="gymnasium", env_name="CartPole-v1", num_envs=2)
    assert (world.vectorized, world.num_envs) == (True, 2)
    assert world.observation["observation"].shape == (4,)
    world.reset(0)
    for _ in range(100):
        observation, reward, terminated, _, info = world.step(np.array([1, 1]))
        assert reward.shape == (2,)
        if terminated.any():
            break
    ended = int(np.flatnonzero(terminated)[0])
    assert abs(info["final_obs"][ended][2]) > 0.2
    assert abs(observation[ended][2]) < 0.06
    assert world.render().ndim == 3


def test_a_class_becomes_a_vector_too(make: Make) -> None:
    """num_envs makes several of a Gymnasium class; other classes cannot."""
    text = """
        import gymnasium, numpy as np
        class Steady(gymnasium.Env):
            observation_space = gymnasium.spaces.Box(0, 1, (2,))
            action_space = gymnasium.spaces.Discrete(2)
            def reset(self, *, seed=None, options=None):
                super().reset(seed=seed)
                return np.zeros(2, np.float32), {}
            def step(self, action):
                return np.ones(2, np.float32), float(action), False, False, {}
    """
    world = make(text, num_envs=3, class_name="Steady")
    world.reset(0)
    assert world.step(np.array([0, 1, 1]))[1].tolist() == [0.0, 1.0, 1.0]
    with pytest.raises(InvalidInput, match="num_envs is 2, but Line is no Gymnasium environment"):
        make(ENV, num_envs=2)


def test_a_vector_names_the_parts_of_what_was_seen_last(make: Make) -> None:
    """Nested observations go by their flat names also where an episode has ended."""
    text = """
        import gymnasium, numpy as np
        from gymnasium.spaces import Box, Dict
        class Short(gymnasium.Env):
            observation_space = Dict({"arm": Dict({"angle": Box(0, 9, (1,))}), "eye": Box(0, 9, (1,))})
            action_space = gymnasium.spaces.Discrete(2)
            def seen(self):
                return {"arm": {"angle": np.full(1, self.at, np.float32)}, "eye": np.full(1, -self.at, np.float32)}
            def reset(self, *, seed=None, options=None):
                self.at = 0
                return self.seen(), {}
            def step(self, action):
                self.at += 1
                return self.seen(), 1.0, action == 1, False, {}
    """
    world = make(text, num_envs=2, class_name="Short")
    world.reset(0)

    observation, *_, info = world.step(np.array([0, 1]))

    assert observation["arm.angle"].tolist() == [[1.0], [0.0]]
    assert info["final_obs"][0] is None
    assert {name: value.tolist() for name, value in info["final_obs"][1].items()} == {"arm.angle": [1.0], "eye": [-1.0]}


def test_an_env_is_a_world(make: Make) -> None:
    """One channel each way passes bare; parameters and the seed reach the constructor by name."""
    world = make(ENV, {"length": 5}, seed=3)
    env = world._env  # type: ignore[attr-defined]
    assert (env.length, env.seed_given) == (5, 3)
    assert (world.observation_key, world.action_key, world.frame_rate) == ("place", "move", 10.0)
    assert world.reset(4) == 0.0
    assert tuple(world.step(2)) == (1.0, 0.5, True, False, {})
    assert env.seen == [4, 2]
    assert world.render().shape == (4, 5, 3)


def test_nested_channels_are_flat_outside(make: Make) -> None:
    """A tuple in a dict in a space has dotted names; the environment gets its own form back."""
    world = make("""
        from gymnasium import spaces
        class Nested:
            observation_space = spaces.Dict({"a": spaces.Tuple([spaces.Discrete(2), spaces.Discrete(3)])})
            action_space = spaces.Dict({"arm": spaces.Dict({"grip": spaces.Discrete(2)}), "go": spaces.Discrete(2)})
            def reset(self, seed=None):
                return {"a": (1, 2)}, {}
            def step(self, action):
                return {"a": (action["arm"]["grip"], action["go"])}, 0.0, False, False, {}
    """)
    assert world.observation_key is None
    assert list(world.action) == ["arm.grip", "go"]
    assert world.reset() == {"a.0": 1, "a.1": 2}
    assert world.step({"arm.grip": 1, "go": 0})[0] == {"a.0": 1, "a.1": 0}


def test_old_gyms_forms_are_understood(make: Make) -> None:
    """Four in a tuple, a bare observation at reset, a seed method, a mode at render."""
    world = make("""
        import numpy as np
        from gymnasium import spaces
        class Old:
            metadata = {"render.modes": ["rgb_array"], "video.frames_per_second": 20}
            observation_space = spaces.Box(0, 1, (1,))
            action_space = spaces.Discrete(3)
            def seed(self, seed):
                self.seeded = seed
            def reset(self):
                return np.array([self.seeded], np.float32)
            def step(self, action):
                return np.zeros(1), 1.0, action > 0, {"TimeLimit.truncated": action == 2}
            def render(self, mode):
                return np.zeros((2, 2, 3), np.uint8)
    """)
    assert world.reset(8).tolist() == [8.0]
    assert [tuple(world.step(action))[2:4] for action in (0, 1, 2)] == [(False, False), (True, False), (False, True)]
    assert world.frame_rate == 20.0
    assert world.render().shape == (2, 2, 3)


def test_dm_env_tells_termination_from_truncation(make: Make) -> None:
    """An end with a discount above zero was a cut; a reward of None is none."""
    world = make(
        """
        import dm_env, numpy as np
        from dm_env import specs
        class Dm(dm_env.Environment):
            def reset(self):
                return dm_env.restart({"x": np.zeros(2), "in": {"y": 1.0}})
            def step(self, action):
                seen = {"x": np.ones(2), "in": {"y": 2.0}}
                return [dm_env.transition, dm_env.termination, dm_env.truncation][int(action)](1.0, seen)
            def observation_spec(self):
                return {"x": specs.Array((2,), float), "in": {"y": specs.BoundedArray((), float, 0, 2)}}
            def action_spec(self):
                return specs.DiscreteArray(3)
        """,
        type="dm_env.Env",
        class_name="Dm",
    )
    assert list(world.observation) == ["x", "in.y"]
    assert world.reset(1)["in.y"] == 1.0
    ends = [tuple(world.step(action))[1:4] for action in (0, 1, 2)]
    assert ends == [(1.0, False, False), (1.0, True, False), (1.0, False, True)]
    assert world.render() is None


def test_the_documents_keys_name_methods(make: Make) -> None:
    """step_function and its like are used instead of the usual names; what is seen is read off the first one."""
    text = """
        class Odd:
            action_spec = {"kind": "DISCRETE", "shape": [], "dtype": "int64", "low": 0, "high": 1}
            def begin(self): return {"left": 1.0, "right": 2.0}
            def advance(self, action): return {"left": 0.0, "right": 0.0}, 1.0, True
            def draw(self): return "picture"
    """
    world = make(text, step_function="advance", reset_function="begin", render_function="draw")
    assert list(world.observation) == ["left", "right"]
    assert tuple(world.step(1)) == ({"left": 0.0, "right": 0.0}, 1.0, True, False, {})
    assert world.render() == "picture"
    with pytest.raises(EnvFault, match="Odd has no method reset; name the right one as reset_function"):
        make(text, step_function="advance")


@pytest.mark.parametrize(
    ("spec", "text", "told"),
    [
        ({"type": "gymnasium", "env_name": "CartPoel-v1"}, None, "Did you mean: `CartPole`"),
        ({"type": "gymnasium"}, None, "needs env_name"),
        ({"type": "ros"}, None, "it must be gymnasium, dm_env or python_class"),
        ({"type": "gymnasium", "env_name": "CartPole-v1", "init_params": {"speed": 1}}, None, "speed"),
        ({"type": "python_class"}, None, "needs the path"),
        ({"type": "python_class", "path": "/nowhere.py"}, None, "there is no file /nowhere.py"),
        ({}, "class Broken:\n  def step(self, a): ...\n  def reset(self): return 1 / 0\n", "raised ZeroDivisionError"),
        ({}, "class Shy:\n  def step(self, a): ...\n  def reset(self): return 1.0\n", "not say what actions"),
        ({}, "from ainimal_zookeeper import Env\nclass Half(Env):\n  def step(self, a): ...\n", "not write action_mod"),
        ({}, "class Raises:\n  def __init__(self): raise OSError('no port')\n  def step(self, a): ...\n",
         r"Raises.__init__ raised OSError: no port \(.*world.py:2\)"),
    ],
)  # fmt: skip
def test_an_environment_that_cannot_be_made_says_why(
    make: Make, spec: dict[str, Any], text: str | None, told: str
) -> None:
    """Wrong names, missing files and failing classes are told with what to do."""
    with pytest.raises(ZookeeperError, match=told):
        make(text, **spec)


def test_a_step_of_another_form_is_a_fault(make: Make) -> None:
    """The message says what a step must return."""
    world = make("""
        class Odd:
            action_space = None
            observation_spec = 0.0
            action_spec = 0
            def reset(self): return 0.0
            def step(self, action): return 1.0
    """)
    with pytest.raises(EnvFault, match="step returned a float; it must return"):
        world.step(0)


def test_a_file_may_register_or_hold_what_env_name_names(make: Make, tmp_path: Path) -> None:
    """The document's `path` with `env_name` serves both ways; a function may make the environment."""
    path = tmp_path / "own.py"
    path.write_text(
        dedent("""
        import gymnasium
        from gymnasium.envs.classic_control import CartPoleEnv
        gymnasium.register("zoo-test/Pole-v0", CartPoleEnv)
        class Pole(CartPoleEnv): ...
        def make_pole(length=1): return CartPoleEnv()
        """)
    )
    for spec in ({"env_name": "zoo-test/Pole-v0"}, {"env_name": "Pole"}, {"class_name": "make_pole"}):
        world = make(type="gym.Env", path=str(path), **spec)
        assert world.reset(1).shape == (4,)
