"""Model types: how models become agents, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.errors import InvalidInput

if TYPE_CHECKING:
    from ainimal_zookeeper.modality import Modality
    from ainimal_zookeeper.models.agent import Agent


def load(
    spec: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    observation: Mapping[str, Modality] | None,
    action: Mapping[str, Modality] | None,
    stage: Callable[[str], None],
) -> Agent:
    """Makes an agent of what `spec` (config.specification.ModelSpec) describes; see `models.agent.Loader`.

    Raises: AInimalFault when the author's code fails; InvalidInput for parameters and for a type of no loader.
    """
    kind = str(spec.get("type", "python_class"))
    if kind in ("python_class", "AInimal"):
        from ainimal_zookeeper.models import python_class

        return python_class.load(spec, parameters, observation=observation, action=action, stage=stage)
    if kind == "pickle":
        from ainimal_zookeeper.models import pickled

        return pickled.load(spec, parameters, observation=observation, action=action, stage=stage)
    if kind == "archive":
        from ainimal_zookeeper.models import archived

        return archived.load(spec, parameters, observation=observation, action=action, stage=stage)
    if kind == "onnx":
        from ainimal_zookeeper.models import onnx

        return onnx.load(spec, parameters, observation=observation, action=action, stage=stage)
    raise InvalidInput(f"model type is {kind!r}; it must be python_class, AInimal, pickle, archive or onnx", ("type",))
