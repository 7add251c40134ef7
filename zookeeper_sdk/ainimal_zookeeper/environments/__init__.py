"""Environment types: how environments become worlds, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.errors import InvalidInput

if TYPE_CHECKING:
    from ainimal_zookeeper.environments.world import SeatedWorld, World


def load(
    spec: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    seed: int | None,
    stage: Callable[[str], None],
) -> World:
    """Makes a world of one seat of what `spec` (config.specification.EnvironmentSpec) describes.

    `seed` reaches the constructor of a class that takes one; the first `reset(seed)` is the caller's.
    Raises: EnvFault when the author's code fails; InvalidInput for parameters, for a type of no loader, and for an
    environment of several seats, which `load_seated` loads.
    """
    kind = str(spec.get("type", "gymnasium"))
    if kind in ("gymnasium", "gym", "gym.Env", "gymnasium.Env"):
        from ainimal_zookeeper.environments import gymnasium

        return gymnasium.load(spec, parameters, seed=seed, stage=stage)
    if kind in ("dm_env", "dm_env.Env", "dm_env.Environment"):
        from ainimal_zookeeper.environments import dm_env

        return dm_env.load(spec, parameters, seed=seed, stage=stage)
    if kind in ("python_class", "AInimal.Env", "Env"):
        from ainimal_zookeeper.environments import python_class

        return python_class.load(spec, parameters, seed=seed, stage=stage)
    raise InvalidInput(f"environment type is {kind!r}; it must be gymnasium, dm_env or python_class", ("type",))


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
