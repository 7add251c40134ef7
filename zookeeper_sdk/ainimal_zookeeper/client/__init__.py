"""The Python client of a zoo, for scripts and notebooks; `python3 -m ainimal_zookeeper.client` serves the web one.

from ainimal_zookeeper.client import Zookeeper

zoo = Zookeeper()
ainimal = zoo.launch("CartPole learner", "CartPole", learning_rate=0.01)
for value in ainimal.watch("env.reward", rate=5):
    print(value.step, value.value)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .annotating import Annotation
    from .checkpoint import Checkpoint
    from .difference import CheckpointDiff, ParameterDiff, TensorDiff
    from .driving import Wheel
    from .history import LogLine, Series
    from .info import InstanceInfo
    from .instance import Instance
    from .overriding import Override
    from .recording import Recording
    from .replay import Divergence, ReplayReport
    from .signals import Histogram, Tensor, Value
    from .tables import Table
    from .world import WorldInfo
    from .zookeeper import EnvironmentInfo, ModelInfo, Zookeeper

_HOMES = {
    "Annotation": "annotating",
    "Checkpoint": "checkpoint",
    "CheckpointDiff": "difference",
    "Divergence": "replay",
    "EnvironmentInfo": "zookeeper",
    "Histogram": "signals",
    "Instance": "instance",
    "InstanceInfo": "info",
    "LogLine": "history",
    "ModelInfo": "zookeeper",
    "Override": "overriding",
    "ParameterDiff": "difference",
    "Recording": "recording",
    "ReplayReport": "replay",
    "Series": "history",
    "Table": "tables",
    "Tensor": "signals",
    "TensorDiff": "difference",
    "Value": "signals",
    "Wheel": "driving",
    "WorldInfo": "world",
    "Zookeeper": "zookeeper",
}

__all__ = [
    "Annotation",
    "Checkpoint",
    "CheckpointDiff",
    "Divergence",
    "EnvironmentInfo",
    "Histogram",
    "Instance",
    "InstanceInfo",
    "LogLine",
    "ModelInfo",
    "Override",
    "ParameterDiff",
    "Recording",
    "ReplayReport",
    "Series",
    "Table",
    "Tensor",
    "TensorDiff",
    "Value",
    "Wheel",
    "WorldInfo",
    "Zookeeper",
]


def __getattr__(name: str) -> Any:
    # Late, so that serving the web client does not wait for an HTTP library that it has no use for.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
