"""Gymnasium environments, vectors of them, and old gym's: registered by id, or classes in a file."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any, cast

from ainimal_zookeeper.domain.errors import EnvFault, InvalidInput
from ainimal_zookeeper.domain.references import parameters_in, substitute
from ainimal_zookeeper.environments.outcome import first_observation, five, reset_of
from ainimal_zookeeper.environments.structure import Structure, translated
from ainimal_zookeeper.environments.world import Outcome
from ainimal_zookeeper.source import failed, load_module
from ainimal_zookeeper.spaces import tree_of_space

PICTURE = "rgb_array"


def load_registered(
    spec: Mapping[str, Any], parameters: Mapping[str, Any], stage: Callable[[str], None]
) -> GymnasiumWorld | None:
    """Makes the environment that `env_name` is registered as; None when it is a class in the file at `path` instead.

    Raises: EnvFault when Gymnasium cannot make it; InvalidInput without a name.
    """
    stage("importing gymnasium")
    gymnasium = _library(f"the environment {spec.get('env_name') or spec.get('path')}")
    draw_without_display()
    variables = spec.get("variables")
    name = substitute(spec.get("env_name"), {}, variables)
    if spec.get("path"):
        module = load_module(spec["path"], EnvFault, stage)  # it may register the name
        if not name or (name not in gymnasium.registry and hasattr(module, name)):
            return None
    if not name:
        raise InvalidInput("an environment of type gymnasium needs env_name, or a path and class_name", ("env_name",))
    init_params = spec.get("init_params") or {}
    keywords = {key: substitute(value, parameters, variables) for key, value in init_params.items()}
    used = parameters_in(init_params) | set(keywords)
    keywords |= {key: value for key, value in parameters.items() if key not in used}
    stage(f"making {name}")
    try:
        entry: Any = gymnasium.spec(name).entry_point
        creator = gymnasium.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
        if "render_mode" not in keywords and PICTURE in _metadata(creator).get("render_modes", ()):
            keywords["render_mode"] = PICTURE
        count = int(spec.get("num_envs") or 1)
        if count > 1:
            same_step = gymnasium.vector.AutoresetMode.SAME_STEP
            env: Any = gymnasium.make_vec(
                name,
                num_envs=count,
                vectorization_mode="sync",
                vector_kwargs={"autoreset_mode": same_step},
                **keywords,
            )
        else:
            env = gymnasium.make(name, disable_env_checker=True, **keywords)
    except Exception as error:
        raise failed(f"making the environment {name}", error, EnvFault) from error
    return GymnasiumWorld(env, trusted=True)


def vector_of(make: Callable[[], Any], count: int) -> GymnasiumWorld:
    """Makes a vector of `count` environments of one class, each made by `make`."""
    gymnasium = _library(f"a vector of {count} environments")
    same_step = gymnasium.vector.AutoresetMode.SAME_STEP
    return GymnasiumWorld(gymnasium.vector.SyncVectorEnv([make] * count, autoreset_mode=same_step), trusted=True)


def _library(what: str) -> Any:
    """Returns Gymnasium, which `what` needs. Raises: EnvFault that names the interpreter without it."""
    try:
        import gymnasium
    except ImportError as error:
        raise failed(what, error, EnvFault) from error
    return gymnasium


def draw_without_display() -> None:
    """Lets pygame draw into memory: a runner has no screen."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")


class GymnasiumWorld:
    """A Gymnasium or old gym environment, or a vector of them (which starts its episodes anew by itself).

    `trusted`: it surely keeps Gymnasium's form (5-tuples), so that its step is used as it is.
    In a vector, an ended environment's observation is the first of its next episode, and `info["final_obs"]` holds
    the last of the ended one.
    """

    def __init__(self, env: Any, *, trusted: bool = False) -> None:
        self._env = env
        self.vectorized = hasattr(env, "single_observation_space")
        self.num_envs = int(env.num_envs) if self.vectorized else 1
        single = "single_" if self.vectorized else ""
        self._observation = Structure(tree_of_space(getattr(env, f"{single}observation_space"), "observation"))
        self._action = Structure(tree_of_space(getattr(env, f"{single}action_space"), "action"))
        self.observation = self._observation.modalities
        self.action = self._action.modalities
        self.observation_key = self._observation.key
        self.action_key = self._action.key
        rate = _metadata(env).get("render_fps", _metadata(env).get("video.frames_per_second"))
        self.frame_rate = float(rate) if rate else None
        step = env.step if trusted else five(env.step)
        if self.vectorized and not self._observation.flat:
            step = _with_last_by_name(step, self._observation)
        self.step = cast("Callable[[Any], Outcome]", translated(step, self._observation, self._action))
        self._reset = reset_of(env.reset, getattr(env, "seed", None))
        self._render = _render_of(env)

    def reset(self, seed: int | None = None) -> Any:
        return self._observation.flatten(first_observation(self._reset(seed)))

    def render(self) -> Any:
        picture = self._render()
        if isinstance(picture, (list, tuple)):
            picture = picture[0] if picture else None
        return picture

    def inner(self) -> list[Any]:
        """Returns the environments without their wrappers."""
        envs = getattr(self._env, "envs", ()) if self.vectorized else [self._env]
        return [getattr(env, "unwrapped", env) for env in envs]

    def wrapped(self) -> Any:
        """Returns the environment with its wrappers."""
        return self._env

    def close(self) -> None:
        env, self._env = self._env, None
        self._render = _nothing
        if env is not None and hasattr(env, "close"):
            env.close()


def _with_last_by_name(
    step: Callable[[Any], tuple[Any, ...]], observation: Structure
) -> Callable[[Any], tuple[Any, ...]]:
    """Returns a vector's `step` with the last observations of ended episodes by name, as all others are."""

    def step_by_name(action: Any) -> tuple[Any, ...]:
        *outcome, info = step(action)
        if "final_obs" not in info:
            return (*outcome, info)
        last = [None if seen is None else observation.flatten(seen) for seen in info["final_obs"]]
        return (*outcome, {**info, "final_obs": last})

    return step_by_name


def _render_of(env: Any) -> Callable[[], Any]:
    render = getattr(env, "render", None)
    if render is None:
        return _nothing
    mode = getattr(env, "render_mode", None)
    if mode is None:
        try:
            takes_mode = "mode" in inspect.signature(render).parameters
        except (ValueError, TypeError):
            takes_mode = False
        modes = _metadata(env).get("render.modes", _metadata(env).get("render_modes", ()))
        return (lambda: render(mode=PICTURE)) if takes_mode and PICTURE in modes else _nothing
    return cast("Callable[[], Any]", render) if mode == PICTURE else _nothing


def _metadata(env: Any) -> Mapping[str, Any]:
    return getattr(env, "metadata", None) or {}


def _nothing() -> None:
    return None
