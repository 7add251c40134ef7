"""Taps on an object, as tests need them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ainimal_zookeeper.models.abilities import find_abilities
from ainimal_zookeeper.models.agent import Agent
from zookeeper_runner.gate import Gate
from zookeeper_runner.taps import Taps


@contextmanager
def tapped(subject: Any, gate: Gate | None = None) -> Iterator[Taps]:
    """Yields the taps of `subject`, and takes them away again."""
    can, _ = find_abilities(subject, {})
    taps = Taps(Agent(forward=lambda values: values, can=can, subject=subject), gate)
    try:
        yield taps
    finally:
        taps.close()


def listed(taps: Taps) -> dict[str, dict[str, Any]]:
    """Returns the signals by path."""
    return {signal["path"]: {**signal} for signal in taps.signals()}
