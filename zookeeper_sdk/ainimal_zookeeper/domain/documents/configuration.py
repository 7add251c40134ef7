"""Documents of the configuration: the zoo, and the worlds on offer."""

from __future__ import annotations

from typing import Any, TypedDict

from .model import ParameterDoc


class EnvironmentDoc(TypedDict):
    id: str  # "world_..." made of the name
    name: str
    type: str
    parameters: list[ParameterDoc]
    maxInstances: int | None
    maxConnected: int
    autostart: bool
    specJson: str  # config.specification.EnvironmentSpec; no secrets


class ConfigurationDoc(TypedDict):
    """What `zoo.py` or `zoo.yaml` compiled to, as far as the functions need it."""

    id: str  # "zoo"
    name: str
    revision: str
    maxModels: int | None  # instances that may run at once
    maxEnvironments: int | None  # worlds that may run at once, brought by instances or on their own
    launchDeadlineSeconds: float
    computes: list[dict[str, Any]]  # {id, name, kind, accelerators, python: interpreter or None}
    allowedOrigins: list[str]
