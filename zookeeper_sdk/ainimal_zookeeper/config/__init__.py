"""Configuration: a zoo in Python, YAML or JSON, checked as a whole and compiled to documents."""

from __future__ import annotations

from .compilation import Compilation, LaunchDoc, SideProcessSpec
from .load import load
from .offers import (
    DmEnvironment,
    GymnasiumEnvironment,
    Launch,
    LocalComputeProvider,
    LocalModelProvider,
    PackedModel,
    PythonEnvironment,
    PythonModel,
    SideProcess,
)
from .problems import ConfigurationError, Place, Problem
from .server import Server

__all__ = [
    "Compilation",
    "ConfigurationError",
    "DmEnvironment",
    "GymnasiumEnvironment",
    "Launch",
    "LaunchDoc",
    "LocalComputeProvider",
    "LocalModelProvider",
    "PackedModel",
    "Place",
    "Problem",
    "PythonEnvironment",
    "PythonModel",
    "Server",
    "SideProcess",
    "SideProcessSpec",
    "load",
]
