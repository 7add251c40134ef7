"""dm_env environments: a class in a file, or anything with observation_spec and action_spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ainimal_zookeeper.environments.structure import Structure
from ainimal_zookeeper.environments.world import Outcome
from ainimal_zookeeper.spaces import tree_of_spec

_EMPTY: dict[str, Any] = {}


class DmEnvWorld:
    """A dm_env environment. An episode that ends with a discount above 0 was truncated, else it terminated."""

    num_envs = 1
    vectorized = False

    def __init__(self, env: Any) -> None:
        self._env = env
        self._observation = Structure(tree_of_spec(env.observation_spec(), "observation"))
        self._action = Structure(tree_of_spec(env.action_spec(), "action"))
        self.observation = self._observation.modalities
        self.action = self._action.modalities
        self.observation_key = self._observation.key
        self.action_key = self._action.key
        control_timestep = getattr(env, "control_timestep", None)  # dm_control's, in seconds
        self.frame_rate = 1.0 / control_timestep() if callable(control_timestep) else None
        self.step: Callable[[Any], Outcome] = self._step

    def reset(self, seed: int | None = None) -> Any:
        """Starts an episode. dm_env has no seed at reset; one goes to a `seed` method where there is one."""
        seeding = getattr(self._env, "seed", None)
        if seed is not None and callable(seeding):
            seeding(seed)
        return self._observation.flatten(self._env.reset().observation)

    def render(self) -> Any:
        env = self._env
        if callable(getattr(env, "render", None)):
            return env.render()
        physics = getattr(env, "physics", None)  # dm_control's
        return physics.render(240, 320) if physics is not None else None

    def inner(self) -> list[Any]:
        return [self._env]

    def close(self) -> None:
        env, self._env = self._env, None
        if env is not None and hasattr(env, "close"):
            env.close()

    def _step(self, action: Any) -> Outcome:
        timestep = self._env.step(self._action.nest(action))
        last = timestep.last()
        ended = last and not timestep.discount
        reward = timestep.reward
        return Outcome(
            self._observation.flatten(timestep.observation),
            0.0 if reward is None else reward,
            bool(ended),
            bool(last and not ended),
            _EMPTY,
        )
