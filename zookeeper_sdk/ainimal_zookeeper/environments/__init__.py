"""Environment types: how environments become worlds, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from ainimal_zookeeper.domain.errors import InvalidInput

if TYPE_CHECKING:
    from ainimal_zookeeper.environments.world import SeatedWorld, World

_GYMNASIUM = frozenset({"gymnasium", "gym", "gym.Env", "gymnasium.Env"})
_DM_ENV = frozenset({"dm_env", "dm_env.Env", "dm_env.Environment"})
_PYTHON_CLASS = frozenset({"python_class", "AInimal.Env", "Env"})


def load(
    spec: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    seed: int | None,
    stage: Callable[[str], None],
) -> World:
    """Makes a world of one seat of what `spec` (config.specification.EnvironmentSpec) describes.

    Of an environment with several seats, the world is the first seat, and neutral actions act on the others.
    `seed` reaches the constructor of a class that takes one; the first `reset(seed)` is the caller's.
    Raises: EnvFault when the author's code fails; InvalidInput for parameters and for a type of no loader.
    """
    kind = str(spec.get("type", "gymnasium"))
    if kind not in _GYMNASIUM | _DM_ENV | _PYTHON_CLASS:
        raise InvalidInput(f"environment type is {kind!r}; it must be gymnasium, dm_env or python_class", ("type",))
    if kind in _GYMNASIUM and not spec.get("class_name"):
        from ainimal_zookeeper.environments import gymnasium

        world = gymnasium.load_registered(spec, parameters, stage)
        if world is not None:
            return cast("World", world)
    from ainimal_zookeeper.environments import python_class

    return python_class.load(spec, parameters, seed=seed, stage=stage)


def load_seated(
    spec: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    seed: int | None,
    stage: Callable[[str], None],
) -> SeatedWorld:
    """Makes a world that several agents share; an environment of one seat becomes one with one seat.

    Raises: as `load`.
    """
    from ainimal_zookeeper.environments import seated

    return seated.load(spec, parameters, seed=seed, stage=stage)
