"""Resuming: an agent and its body become what a checkpoint holds, in the order in which nothing disturbs the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput
from ainimal_zookeeper.models.agent import Agent

from . import chance
from .checkpoint import opened
from .fault import fault_of
from .overrides import Overrides
from .payload import Payload


class Resumes(Protocol):
    """What acts, and can go on where it was saved."""

    def begin(self) -> None: ...

    def put_back(self, kept: Mapping[str, Any] | None, become: Callable[[], None], /) -> list[str]: ...


def resume(
    agent: Agent,
    body: Any,
    folder: str,
    step: int,
    parameters: Mapping[str, Any],
    *,
    made_of_it: bool,
    overrides: Overrides | None = None,
) -> list[str]:
    """Puts the checkpoint in `folder` into `agent` and `body`; returns what people should be told.

    parameters: what the agent was made with: what they make different stays so. made_of_it: whether the constructor was
    given the folder. overrides: the rules, which stand on what it becomes as they do on what it is.

    Raises: DataCorrupt, InvalidInput before anything is changed; AInimalFault, EnvFault.
    """
    payload = opened(folder)
    load = _loading(agent, payload, parameters, made_of_it=made_of_it)
    kept = None
    if payload.runner is not None:
        from .state.giving import give

        kept = give(payload.runner.root, payload.runner.tensors, payload.runner.rest())

    def become() -> None:
        try:
            load()
        except BaseException as error:
            fault = fault_of(error, AInimalFault)
            raise AInimalFault(f"it cannot load its checkpoint of step {step:,}: {fault}", fault.traceback) from error
        if kept is not None:
            chance.put_back(kept["sources"])

    resumes: Resumes = body
    if overrides is None:
        return resumes.put_back(kept, become)
    with overrides.beneath(payload.facts.get("overrides", ())):
        return resumes.put_back(kept, become)


def _loading(agent: Agent, payload: Payload, parameters: Mapping[str, Any], *, made_of_it: bool) -> Callable[[], Any]:
    """Returns what makes the agent become what it was, when all that can be checked before has been."""
    if payload.model is not None:
        from .state.giving import Giving

        part = payload.model
        before = payload.facts.get("parameters", {})
        renewed = [(before[name], new) for name, new in parameters.items() if name in before and before[name] != new]
        giving = Giving(part.root, part.tensors, part.rest(), agent.subject, renewed)
        giving.check()
        return giving.give
    if agent.can.load is not None and payload.folder is not None:
        load, saved = agent.can.load, str(payload.folder)
        return lambda: load(saved)
    if agent.takes_save_path and made_of_it:
        return lambda: None
    raise InvalidInput(
        "the model was saved, but it cannot be loaded any more: write load(path), or take save_path in its "
        "constructor; or launch it anew"
    )
