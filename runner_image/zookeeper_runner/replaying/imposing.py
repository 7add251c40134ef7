"""Imposing: recorded activations and weights take the place of those that the model would have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..taps import Taps
from .tape import Tape


class Imposing:
    """Puts what was recorded of chosen planes into a model, step by step. Step thread only.

    groups: `activations`, `weights`, both or none. taps: opened when they are first needed. made: steps so far.
    """

    def __init__(
        self, tape: Tape, groups: frozenset[str], taps: Callable[[], Taps | None], made: Callable[[], int]
    ) -> None:
        self._tape = tape
        self._taps = taps
        self._made = made
        self._activations = [path for path in tape.channels if path.startswith("activations.")]
        self._activations = self._activations if "activations" in groups else []
        self._imposes = "weights" in groups
        self._weights = [path for path in tape.channels if path.startswith("weights.")] if self._imposes else []
        self._written: dict[str, bytes] = {}

    def wind(self) -> None:
        """The tape was wound: nothing is in its place yet. Raises: InvalidInput for what the model does not have."""
        self._written.clear()
        taps = self._taps() if self._activations or self._weights else None
        if taps is None:
            return
        for path in self._weights:
            taps.read(path)
        if self._activations:
            taps.change({path: self._recorded(path) for path in self._activations})

    def due(self, step: int) -> bool:
        """Tells whether something is to be put in place before `step`, by `before`."""
        if step > self._tape.last or not self._imposes:
            return False
        return self._tape.has_weights(step - 1) or any(self._differs(path, step) for path in self._weights)

    def before(self, step: int) -> None:
        """Puts in place what is recorded of the weights for `step`."""
        taps = self._taps() if self.due(step) else None
        if taps is None:
            return
        for path, copied in self._tape.weights(step - 1).items():
            taps.write(path, copied)
        for path in self._weights:
            if self._differs(path, step):
                value = np.asarray(self._tape.value(path, step))
                taps.write(path, value)
                self._written[path] = value.tobytes()

    def _differs(self, path: str, step: int) -> bool:
        value = self._tape.value(path, step)
        return value is not None and np.asarray(value).tobytes() != self._written.get(path)

    def _recorded(self, path: str) -> Callable[[Any], Any]:
        def change(value: Any) -> Any:
            recorded = self._tape.value(path, self._made() + 1)
            return value if recorded is None else recorded

        return change
