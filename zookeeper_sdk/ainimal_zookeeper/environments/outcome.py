"""The forms in which environments answer, brought to one: (observation, reward, terminated, truncated, info)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ainimal_zookeeper.domain.errors import EnvFault


def five(step: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Returns `step` with its answer as a 5-tuple: old gym's four, and three without info, are understood.

    The returned function raises EnvFault for an answer of another form.
    """

    def step_to_five(action: Any) -> tuple[Any, ...]:
        answer = step(action)
        if type(answer) is tuple and len(answer) == 5:
            return answer
        return _to_five(answer)

    return step_to_five


def reset_of(reset: Callable[..., Any], seed_method: Any = None) -> Callable[[int | None], Any]:
    """Returns `reset` as a function of the seed: given by keyword, by old gym's `seed` method, or not at all."""
    try:
        arguments = inspect.signature(reset).parameters
        takes_seed = "seed" in arguments or any(each.kind is each.VAR_KEYWORD for each in arguments.values())
    except (ValueError, TypeError):
        takes_seed = True
    if takes_seed:
        return lambda seed: reset(seed=seed)

    def reset_seeded_before(seed: int | None) -> Any:
        if seed is not None and callable(seed_method):
            seed_method(seed)
        return reset()

    return reset_seeded_before


def first_observation(answer: Any) -> Any:
    """Returns the observation of what `reset` returned: (observation, info), or old gym's bare observation."""
    if type(answer) is tuple and len(answer) == 2 and isinstance(answer[1], dict):
        return answer[0]
    return answer


def _to_five(answer: Any) -> tuple[Any, ...]:
    if isinstance(answer, tuple):
        if len(answer) == 5:
            return answer
        if len(answer) == 4:
            observation, reward, done, info = answer
            cut = bool(info.get("TimeLimit.truncated", False)) if isinstance(info, dict) else False
            return observation, reward, bool(done) and not cut, bool(done) and cut, info
        if len(answer) == 3:
            observation, reward, done = answer
            return observation, reward, bool(done), False, {}
    got = f"a tuple of {len(answer)}" if isinstance(answer, tuple) else f"a {type(answer).__name__}"
    raise EnvFault(f"step returned {got}; it must return (observation, reward, terminated, truncated, info)")
