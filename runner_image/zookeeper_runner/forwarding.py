"""Forwarding: an agent's forward as a plain call, whatever kind it is and however many environments there are."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.models.outputs import compile_check

Forward = Callable[[dict[str, Any]], Any]


def plain_forward(agent: Agent) -> Forward:
    """Returns a callable that drives coroutines to their end and generators to their last value."""
    forward = agent.forward
    if agent.forward_kind == "async":
        import asyncio

        loop = asyncio.new_event_loop()

        def awaited(inputs: dict[str, Any]) -> Any:
            return loop.run_until_complete(forward(inputs))

        weakref.finalize(awaited, loop.close)
        return awaited
    if agent.forward_kind == "generator":

        def last_value(inputs: dict[str, Any]) -> Any:
            generator = forward(inputs)
            outputs = None
            try:
                while True:
                    outputs = next(generator)
            except StopIteration as end:
                return outputs if end.value is None else end.value

        return last_value
    return forward


def of_one(agent: Agent) -> Forward:
    """Returns forward for one environment, unbatched; a VECTORIZED agent gets batches of one."""
    forward = plain_forward(agent)
    if not agent.vectorized:
        return forward
    check = compile_check(agent.outputs, 1)

    def unbatched(inputs: dict[str, Any]) -> dict[str, Any]:
        outputs = forward({name: _with_axis(value) for name, value in inputs.items()})
        check(outputs)
        return {name: value[0] for name, value in outputs.items()}

    return unbatched


def of_many(agent: Agent, num_envs: int) -> Forward:
    """Returns forward for batches over `num_envs`; another than a VECTORIZED agent is asked once per environment.

    Raises: AInimalFault for one that keeps state between steps, as that would run from one environment into the next.
    """
    forward = plain_forward(agent)
    if agent.vectorized:
        return forward
    if agent.can.reset is not None or agent.can.get_recurrent is not None:
        name = type(agent.subject).__name__ if agent.subject is not None else "the model"
        raise AInimalFault(
            f"{name} keeps state within an episode (it has reset or a recurrent state), and there are {num_envs} "
            "environments: take batches and set VECTORIZED = True, or launch it with num_envs 1"
        )
    check = compile_check(agent.outputs)

    def each(inputs: dict[str, Any]) -> dict[str, Any]:
        answers = []
        for index in range(num_envs):
            outputs = forward({name: value[index] for name, value in inputs.items()})
            check(outputs)
            answers.append(outputs)
        return {name: _together([answer[name] for answer in answers]) for name in answers[0]}

    return each


def neutral_action(actions: Mapping[str, Any], key: str | None, num_envs: int | None = None) -> Any:
    """Returns the action of nobody: each modality's neutral value; a batch of them for `num_envs`."""

    def value(name: str) -> Any:
        neutral = actions[name].neutral_value()
        return neutral if num_envs is None else _together([neutral] * num_envs)

    return {name: value(name) for name in actions} if key is None else value(key)


def action_of(outputs: Mapping[str, Any], key: str | None, names: tuple[str, ...]) -> Any:
    """Returns what the environment is given of outputs: the one called `key`, or a dict with just `names`."""
    return outputs[key] if key is not None else {name: outputs[name] for name in names}


def inputs_of(observation: Any, key: str | None) -> dict[str, Any]:
    return observation if key is None else {key: observation}


def _with_axis(value: Any) -> Any:
    return [value] if isinstance(value, str) or value is None else np.asarray(value)[None]


def _together(values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, (str, Mapping)) or first is None:
        return values
    return np.stack([np.asarray(value) for value in values])
