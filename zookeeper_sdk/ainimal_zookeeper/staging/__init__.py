"""Staging: the folder of each function as it is deployed, and its archive, the same bytes wherever they are made."""

from __future__ import annotations

from .configuration import deployable
from .function import FUNCTIONS, Function
from .stage import MANIFEST, Staged, stage

__all__ = ["FUNCTIONS", "MANIFEST", "Function", "Staged", "deployable", "stage"]
