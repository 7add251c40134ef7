"""Chance: the state of every source of chance that a process shares: Python's, NumPy's and torch's."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np


def states() -> dict[str, Any]:
    """Returns where the sources are; torch's only where it is imported."""
    found: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        found["torch"] = torch.get_rng_state().numpy()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            found["cuda"] = [state.numpy() for state in torch.cuda.get_rng_state_all()]
    return found


def put_back(found: Mapping[str, Any]) -> None:
    """Sets the sources to what `states` returned."""
    random.setstate(found["python"])
    np.random.set_state(found["numpy"])
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in found:
        torch.set_rng_state(torch.from_numpy(found["torch"]))
        if "cuda" in found and torch.cuda.is_available():
            torch.cuda.set_rng_state_all([torch.from_numpy(state) for state in found["cuda"]])
