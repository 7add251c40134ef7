"""Stable-Baselines3's own vectors of environments, which step in two halves and begin anew within a step."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from .companion import Companion
from .steps import Steps

_vectors: Any = importlib.import_module("stable_baselines3.common.vec_env")


def is_vector(env: Any) -> bool:
    return isinstance(env, _vectors.VecEnv)


def described(env: Any) -> Any:
    """Returns what a Gymnasium vector would say of itself; it is not stepped."""
    picture = env.render_mode == "rgb_array"
    return SimpleNamespace(
        single_observation_space=env.observation_space,
        single_action_space=env.action_space,
        num_envs=env.num_envs,
        metadata={**env.metadata, "autoreset_mode": "SAME_STEP"},
        render_mode=env.render_mode,
        render=env.render if picture else (lambda: None),
        reset=env.reset,
        step=env.step,
    )


class SeenVecEnv(_vectors.VecEnvWrapper):  # type: ignore[misc]
    """A vector of environments."""

    def __init__(self, env: Any, companion: Companion, steps: Steps) -> None:
        super().__init__(env)
        self._companion = companion
        self._steps = steps

    def reset(self) -> Any:
        observation = self.venv.reset()
        return self._steps.began(observation) if self._companion.present else observation

    def step_async(self, actions: Any) -> None:
        self.venv.step_async(self._steps.chosen(actions) if self._companion.present else actions)

    def step_wait(self) -> tuple[Any, Any, Any, list[dict[str, Any]]]:
        observation, reward, done, infos = self.venv.step_wait()
        if not self._companion.present:
            return observation, reward, done, infos
        truncated = [bool(info.get("TimeLimit.truncated")) for info in infos]
        answer = self._steps.made((observation, reward, done, truncated, {}))
        return answer[0], reward, done, _with_executed(infos, answer[4])

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self.venv,)


def _with_executed(infos: Sequence[dict[str, Any]], added: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns an info for each environment, with its part of what was executed where that was not its own choice."""
    if not added:
        return list(infos)
    return [{**info, **{name: each[index] for name, each in added.items()}} for index, info in enumerate(infos)]


def _itself(env: Any) -> Any:
    """What goes to another process has no place in the zoo there."""
    return env
