"""AInimal Zookeeper: launch, watch and steer AI models and agents.

Importing this package costs nothing: names load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ainimal_zookeeper.ainimal import AInimal as AInimal
    from ainimal_zookeeper.attachment import Run as Run
    from ainimal_zookeeper.attachment import attach as attach
    from ainimal_zookeeper.config import ConfigurationError as ConfigurationError
    from ainimal_zookeeper.config import DmEnvironment as DmEnvironment
    from ainimal_zookeeper.config import GymnasiumEnvironment as GymnasiumEnvironment
    from ainimal_zookeeper.config import Launch as Launch
    from ainimal_zookeeper.config import LocalComputeProvider as LocalComputeProvider
    from ainimal_zookeeper.config import LocalModelProvider as LocalModelProvider
    from ainimal_zookeeper.config import PackedModel as PackedModel
    from ainimal_zookeeper.config import PythonEnvironment as PythonEnvironment
    from ainimal_zookeeper.config import PythonModel as PythonModel
    from ainimal_zookeeper.config import Server as Server
    from ainimal_zookeeper.config import SideProcess as SideProcess
    from ainimal_zookeeper.env import Env as Env
    from ainimal_zookeeper.modality import Modality as Modality
    from ainimal_zookeeper.modality import ModalityKind as ModalityKind
    from ainimal_zookeeper.parameters import Parameter as Parameter
    from ainimal_zookeeper.tapping import tap as tap
    from ainimal_zookeeper.timestep import Timestep as Timestep
    from ainimal_zookeeper.timestep import Trajectory as Trajectory

_HOMES = {
    "AInimal": "ainimal",
    "ConfigurationError": "config",
    "DmEnvironment": "config",
    "Env": "env",
    "GymnasiumEnvironment": "config",
    "Launch": "config",
    "LocalComputeProvider": "config",
    "LocalModelProvider": "config",
    "Modality": "modality",
    "ModalityKind": "modality",
    "PackedModel": "config",
    "Parameter": "parameters",
    "PythonEnvironment": "config",
    "PythonModel": "config",
    "Run": "attachment",
    "Server": "config",
    "SideProcess": "config",
    "Timestep": "timestep",
    "Trajectory": "timestep",
    "attach": "attachment",
    "tap": "tapping",
}

__all__ = [
    "AInimal",
    "ConfigurationError",
    "DmEnvironment",
    "Env",
    "GymnasiumEnvironment",
    "Launch",
    "LocalComputeProvider",
    "LocalModelProvider",
    "Modality",
    "ModalityKind",
    "PackedModel",
    "Parameter",
    "PythonEnvironment",
    "PythonModel",
    "Run",
    "Server",
    "SideProcess",
    "Timestep",
    "Trajectory",
    "attach",
    "tap",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has: {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
