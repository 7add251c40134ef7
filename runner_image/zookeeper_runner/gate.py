"""Gate: whether what is computed now belongs to a step. It is shut while a model learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Gate:
    """Taps look at it before they take anything."""

    __slots__ = ("opened", "shut")

    def __init__(self) -> None:
        self.shut = False
        self.opened: Callable[[], None] | None = None  # called when it is open again: the model may hold other things

    def around(self, train: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Returns `train` with the gate shut meanwhile: minibatches are no activations of a step."""

        def shut_away(trajectory: Any) -> Any:
            self.shut = True
            try:
                return train(trajectory)
            finally:
                self.shut = False
                if self.opened is not None:
                    self.opened()

        return shut_away
