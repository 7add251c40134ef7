"""Memory: what it takes to begin an episode of a world once more as it began, and to go on in the middle of one."""

from __future__ import annotations

import inspect
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from ainimal_zookeeper.environments.world import World

Chance = list[dict[str, Any]]  # of each environment: the states of its sources of chance by name


class Memory:
    """What one world would have to be given back. Step thread only.

    A source of chance is an attribute of the environment that holds a generator of NumPy or of Python.
    """

    def __init__(self, world: World) -> None:
        inner = getattr(world, "inner", None)
        self._envs: list[Any] = [] if inner is None else inner()
        self._wrapped: Any = getattr(world, "wrapped", lambda: None)()
        self._began: dict[str, Any] = {}
        self.is_shared = inner is None  # it is elsewhere, and others play in it
        spec = getattr(self._envs[0], "spec", None) if self._envs else None
        self.name: str = getattr(spec, "id", None) or (type(self._envs[0]).__name__ if self._envs else "the world")

    @property
    def gives_state(self) -> bool:
        """Whether the environment has `get_state()` and `set_state(state)`."""
        if len(self._envs) != 1:
            return False
        (env,) = self._envs
        return _is_called_with(env, "get_state", 0) and _is_called_with(env, "set_state", 1)

    def begin(self, seed: int | None) -> None:
        """An episode is about to begin, with `seed` or by chance."""
        self._began = {"chance": self._chance()} if seed is None else {"seed": seed}

    def snapshot(self, *, at_start: bool) -> dict[str, Any]:
        """Returns what `rewind` and `go_on` take. at_start: no step was made since `begin`.

        Raises: whatever the author's `get_state` raises.
        """
        kept = {"name": self.name, **(self._began if at_start else {"chance": self._chance()})}
        if self.gives_state:
            kept["state"] = self._envs[0].get_state()
            kept["limits"] = [wrapper._elapsed_steps for wrapper in self._limits()]
        return kept

    def rewind(self, kept: Mapping[str, Any]) -> int | None:
        """Sets the sources of chance to where they were; returns the seed of the episode that is to begin."""
        for env, states in zip(self._envs, kept.get("chance", ()), strict=False):
            for name, state in states.items():
                source = getattr(env, name, None)
                if isinstance(source, np.random.Generator) and isinstance(state, Mapping):
                    if type(source.bit_generator).__name__ == state.get("bit_generator"):
                        source.bit_generator.state = state
                elif isinstance(source, np.random.RandomState) and isinstance(state, Mapping):
                    source.set_state(dict(state))
                elif isinstance(source, random.Random):
                    source.setstate(state)
        return kept.get("seed")

    def go_on(self, kept: Mapping[str, Any]) -> None:
        """Gives the world its state back, after an episode has begun."""
        self._envs[0].set_state(kept["state"])
        for wrapper, elapsed in zip(self._limits(), kept.get("limits", ()), strict=False):
            wrapper._elapsed_steps = elapsed

    def _chance(self) -> Chance:
        return [_states(env) for env in self._envs]

    def _limits(self) -> list[Any]:
        """Returns the wrappers that count the steps of an episode, from the outside in."""
        found, layer = [], self._wrapped
        while layer is not None:
            if "_elapsed_steps" in vars(layer):
                found.append(layer)
            layer = vars(layer).get("env")
        return found


def _states(env: Any) -> dict[str, Any]:
    if hasattr(type(env), "np_random"):
        return {"np_random": env.np_random.bit_generator.state}  # made by the first who asks
    found: dict[str, Any] = {}
    for name, value in getattr(env, "__dict__", {}).items():
        if isinstance(value, np.random.Generator):
            found[name] = value.bit_generator.state
        elif isinstance(value, np.random.RandomState):
            found[name] = value.get_state(legacy=False)
        elif isinstance(value, random.Random):
            found[name] = value.getstate()
    return found


def _is_called_with(env: Any, name: str, count: int) -> bool:
    """Tells whether the environment has a method that can be called with `count` arguments."""
    method = getattr(env, name, None)
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind(*[None] * count)
    except (TypeError, ValueError):
        return False
    return True
