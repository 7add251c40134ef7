"""Taps of what is written in JAX: arrays that never change, and functions that are only traced."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

from tests.conftest import ROOT, give_up


def test_what_jax_computes_is_seen_and_changed() -> None:
    """What is only traced within jit says so; parameters are replaced where they are held."""
    if importlib.util.find_spec("jax") is None:
        give_up("jax is not installed; run make foreign")
    command = [sys.executable, "-m", "tests.unit.runner.taps.jax_program"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
