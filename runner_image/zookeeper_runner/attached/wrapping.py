"""Wrapping: a Gymnasium environment, or a vector of them, whose steps the zoo sees."""

from __future__ import annotations

import sys
from typing import Any, cast

import gymnasium
from ainimal_zookeeper.environments.gymnasium import GymnasiumWorld
from ainimal_zookeeper.environments.world import World
from gymnasium.vector import VectorWrapper

from .companion import Companion
from .steps import Steps


def wrapped(env: Any, companion: Companion) -> Any:
    """Returns the environment to step instead; the same where it is none that is known, and says so."""
    described = env
    kind: Any = None
    if isinstance(env, gymnasium.vector.VectorEnv):
        kind = SeenVector
    elif isinstance(env, gymnasium.Env):
        kind = SeenEnv
    elif "stable_baselines3.common.vec_env" in sys.modules:
        from . import stable_baselines

        if stable_baselines.is_vector(env):
            kind, described = stable_baselines.SeenVecEnv, stable_baselines.described(env)
    if kind is None:
        companion.tell(
            f"a {type(env).__name__} is no environment of Gymnasium and is not watched; give run.env those within it"
        )
        return env
    if companion.script.world is not None:
        companion.tell("a second environment is not watched; give run.env one, or a vector of them")
        return env
    companion.script.enter(cast(World, GymnasiumWorld(described, trusted=True)))
    return kind(env, companion, companion.steps_of(described))


class SeenEnv(gymnasium.Wrapper[Any, Any, Any, Any]):
    """One environment."""

    def __init__(self, env: Any, companion: Companion, steps: Steps) -> None:
        super().__init__(env)
        self._companion = companion
        self._steps = steps

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return self._steps.began(observation) if self._companion.present else observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        if not self._companion.present:
            return self.env.step(action)
        steps = self._steps
        return steps.made(self.env.step(steps.chosen(action)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self.env,)


class SeenVector(VectorWrapper):
    """A vector of environments."""

    def __init__(self, env: Any, companion: Companion, steps: Steps) -> None:
        super().__init__(env)
        self._companion = companion
        self._steps = steps

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        observation, info = cast(Any, self.env).reset(seed=seed, options=options)
        return self._steps.began(observation) if self._companion.present else observation, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        if not self._companion.present:
            return self.env.step(actions)
        steps = self._steps
        return steps.made(self.env.step(steps.chosen(actions)))


def _itself(env: Any) -> Any:
    """What goes to another process has no place in the zoo there."""
    return env
