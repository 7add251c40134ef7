"""What nobody declares, measured: the channels of a model as its first values show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.modality import ModalityKind
from ainimal_zookeeper.models.agent import Agent, Finding
from ainimal_zookeeper.source import failed
from ainimal_zookeeper.spaces import modalities_of_example


def settle(agent: Agent, inputs: Mapping[str, Any], outputs: Any) -> bool:
    """Fills the agent's unknown channels from one pair of values; returns whether anything was unknown."""
    changed = False
    if not agent.inputs and inputs:
        agent.inputs = modalities_of_example(inputs, "input")
        changed = True
        _find(agent, "inputs", f"the first call took {', '.join(agent.inputs)}")
    if not agent.outputs and isinstance(outputs, Mapping) and outputs:
        agent.outputs = modalities_of_example(outputs, "output")
        changed = True
        _find(agent, "outputs", f"the first call returned {', '.join(agent.outputs)}")
    return changed


def dry_run(agent: Agent) -> None:
    """Calls `forward` once with neutral inputs, to see what it returns, and resets what that may have changed.

    Does nothing when there are no neutral inputs to call it with, or when the runner must drive it (async). An agent
    that fails on neutral inputs stays as it was, with a finding: real inputs will tell.
    """
    if agent.forward_kind != "plain" or not agent.inputs:
        return
    if any(modality.kind is ModalityKind.TREE for modality in agent.inputs.values()):
        return
    inputs = {name: modality.neutral_value() for name, modality in agent.inputs.items()}
    recurrent = agent.can.get_recurrent() if agent.can.get_recurrent else None
    try:
        outputs = agent.forward(inputs)
    except Exception as error:  # noqa: BLE001 - anything that an author's code may raise
        _find(agent, "outputs", f"a dry run with neutral inputs failed: {failed('forward', error, AInimalFault)}")
        return
    finally:
        if agent.can.set_recurrent is not None:
            agent.can.set_recurrent(recurrent)
    settle(agent, inputs, outputs)
    if agent.can.reset is not None:
        agent.can.reset(None)


def _find(agent: Agent, subject: str, text: str) -> None:
    agent.findings = (*agent.findings, Finding(subject, text, "measured"))
