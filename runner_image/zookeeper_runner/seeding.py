"""Seeding: one seed for every source of chance that an AInimal is likely to use."""

from __future__ import annotations

import random
import sys

_LIMIT = 2**32


class Seeder:
    """Seeds python, numpy and torch, each once and as soon as it is there: torch only when the model imports it."""

    def __init__(self, seed: int | None) -> None:
        self._seed = None if seed is None else seed % _LIMIT
        self._seeded: set[str] = set()

    @property
    def seeds(self) -> dict[str, int]:
        """What was seeded, by name."""
        return {} if self._seed is None else dict.fromkeys(sorted(self._seeded), self._seed)

    def apply(self) -> None:
        """Seeds what has been imported since the last call; nothing without a seed."""
        if self._seed is None:
            return
        for name in ("random", "numpy", "torch"):
            module = sys.modules.get(name)
            if name in self._seeded or module is None:
                continue
            if name == "random":
                random.seed(self._seed)
            elif name == "numpy":
                module.random.seed(self._seed)
            elif hasattr(module, "manual_seed"):
                module.manual_seed(self._seed)
            else:
                continue  # it is being imported right now
            self._seeded.add(name)
