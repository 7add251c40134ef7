"""Classes in a file as worlds: subclasses of Env, Gymnasium and dm_env environments, plain classes with step and reset.

What a class is shows in what it has, so that one loader serves all types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from ainimal_zookeeper.construction import construct
from ainimal_zookeeper.domain.errors import EnvFault, InvalidInput
from ainimal_zookeeper.domain.references import substitute
from ainimal_zookeeper.env import Env
from ainimal_zookeeper.environments.dm_env import DmEnvWorld
from ainimal_zookeeper.environments.gymnasium import PICTURE, GymnasiumWorld, draw_without_display, vector_of
from ainimal_zookeeper.environments.outcome import first_observation, five, reset_of
from ainimal_zookeeper.environments.structure import Structure, translated
from ainimal_zookeeper.environments.world import Outcome, World
from ainimal_zookeeper.source import failed, find_class, load_module
from ainimal_zookeeper.spaces import Tree, is_space, tree_of, tree_of_example

_OBSERVATION_NAMES = ("observation_modalities", "observation_space", "observation_spec", "obs_spec")
_ACTION_NAMES = ("action_modalities", "action_space", "action_spec", "act_spec")


def make(
    spec: Mapping[str, Any], parameters: Mapping[str, Any], *, seed: int | None, stage: Callable[[str], None]
) -> Callable[[], Any]:
    """Imports the file of `spec` and returns a function that makes an environment object.

    Raises: EnvFault when the file or its class is missing or fails; the function raises it when the class does.
    """
    path = spec.get("path")
    if not path:
        raise InvalidInput(f"an environment of type {spec.get('type')} needs the path of its file", ("path",))
    draw_without_display()
    module = load_module(path, EnvFault, stage)
    step = spec.get("step_function") or "step"
    name = spec.get("class_name") or substitute(spec.get("env_name"), {}, spec.get("variables"))
    found = find_class(module, name, EnvFault, base=Env, methods=(step,))
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        raise EnvFault(f"{found.__name__} does not write {', '.join(missing)}; every Env needs it")
    offered: dict[str, Any] = {"seed": seed}
    if PICTURE in (getattr(found, "metadata", None) or {}).get("render_modes", ()):
        offered["render_mode"] = PICTURE
    stage(f"making {found.__name__}")
    arguments, variables = spec.get("init_params") or {}, spec.get("variables")
    return lambda: construct(found, arguments, parameters, offered, EnvFault, variables).subject


def load(
    spec: Mapping[str, Any], parameters: Mapping[str, Any], *, seed: int | None, stage: Callable[[str], None]
) -> World:
    """Makes a world of one seat; of an environment with several seats it takes the first, the others stay neutral."""
    from ainimal_zookeeper.environments.seated import FirstSeat, seats_of

    create = make(spec, parameters, seed=seed, stage=stage)
    env = create()
    count = int(spec.get("num_envs") or 1)
    if count > 1 and not hasattr(env, "single_observation_space"):
        if not is_gymnasium(env):
            raise InvalidInput(
                f"num_envs is {count}, but {type(env).__name__} is no Gymnasium environment; only those make vectors",
                ("num_envs",),
            )
        made = [env]
        return cast("World", vector_of(lambda: made.pop() if made else create(), count))
    seated = seats_of(env)
    return cast("World", FirstSeat(seated)) if seated is not None else world_of(env, spec)


def world_of(env: Any, spec: Mapping[str, Any]) -> World:
    """Makes a world of an environment object of one seat. Raises: EnvFault when it does not say enough of itself."""
    named = any(spec.get(key) for key in ("step_function", "reset_function", "render_function"))
    try:
        if is_gymnasium(env) and not named:
            return cast("World", GymnasiumWorld(env))
        if (
            callable(getattr(env, "observation_spec", None))
            and callable(getattr(env, "action_spec", None))
            and not named
        ):
            return cast("World", DmEnvWorld(env))
    except Exception as error:
        raise failed(f"reading the channels of {type(env).__name__}", error, EnvFault) from error
    return cast("World", PlainWorld(env, spec))


def is_gymnasium(env: Any) -> bool:
    """Tells whether an object has what Gymnasium and old gym environments have."""
    return hasattr(env, "action_space") and hasattr(env, "observation_space") and not callable(env.action_space)


class PlainWorld:
    """An `Env`, or a plain class with `step` and `reset` (or what step_function, ... name)."""

    num_envs = 1
    vectorized = False

    def __init__(self, env: Any, spec: Mapping[str, Any]) -> None:
        self._env = env
        step = self._method(spec, "step")
        reset = self._method(spec, "reset")
        self._render = getattr(env, spec.get("render_function") or "render", None)
        self._reset = reset_of(reset, getattr(env, "seed", None))
        self._observation = Structure(self._channels("observation", _OBSERVATION_NAMES, self._example))
        self._action = Structure(self._channels("action", _ACTION_NAMES, self._undeclared))
        self.observation = self._observation.modalities
        self.action = self._action.modalities
        self.observation_key = self._observation.key
        self.action_key = self._action.key
        rate = getattr(env, "frame_rate", None) or (getattr(env, "metadata", None) or {}).get("render_fps")
        self.frame_rate = float(rate) if rate else None
        self.step = cast("Callable[[Any], Outcome]", translated(five(step), self._observation, self._action))

    def reset(self, seed: int | None = None) -> Any:
        return self._observation.flatten(first_observation(self._reset(seed)))

    def render(self) -> Any:
        return self._render() if self._env is not None and callable(self._render) else None

    def inner(self) -> list[Any]:
        return [self._env]

    def close(self) -> None:
        env, self._env = self._env, None
        if env is not None and hasattr(env, "close"):
            env.close()

    def _method(self, spec: Mapping[str, Any], name: str) -> Callable[..., Any]:
        chosen = spec.get(f"{name}_function") or name
        method = getattr(self._env, chosen, None)
        if not callable(method):
            raise EnvFault(f"{type(self._env).__name__} has no method {chosen}; name the right one as {name}_function")
        return cast("Callable[..., Any]", method)

    def _channels(self, side: str, names: tuple[str, ...], otherwise: Callable[[], Tree]) -> Tree:
        try:
            declared = channels_declared(self._env, names)
            return otherwise() if declared is None else lone_or_named(declared, side)
        except Exception as error:
            raise failed(f"reading the {side}s of {type(self._env).__name__}", error, EnvFault) from error

    def _example(self) -> Tree:
        return tree_of_example(first_observation(self._reset(None)), "observation")

    def _undeclared(self) -> Tree:
        raise EnvFault(
            f"{type(self._env).__name__} does not say what actions it takes; give it action_modalities, "
            f"an action_space or an action_spec"
        )


def channels_declared(env: Any, names: tuple[str, ...]) -> Any:
    """Returns what an environment declares under the first of `names` that it has; None when under none."""
    for name in names:
        value = getattr(env, name, None)
        if value is not None:
            return value() if callable(value) else value
    return None


def lone_or_named(declared: Any, side: str) -> Tree:
    """Reads a declaration. A mapping with one channel stands for a bare value under that name."""
    tree = tree_of(declared, side)
    if isinstance(tree, dict) and len(tree) == 1 and not is_space(declared):
        (part,) = tree.values()
        return part if not isinstance(part, dict) else tree
    return tree
