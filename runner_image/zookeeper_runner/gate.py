"""Gate: whether what is computed now belongs to a step. It is shut while a model learns, and while it is saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Gate:
    """Taps look at it before they take anything. `with` shuts it meanwhile."""

    on_shut: Callable[[], None] | None = None  # called when it is shut: nothing of the zoo may be in the model then
    on_open: Callable[[], None] | None = None  # called when it is open again: the model may hold other things by then

    def __init__(self) -> None:
        self.shut = False

    def __enter__(self) -> None:
        self.shut = True
        if self.on_shut is not None:
            self.on_shut()

    def __exit__(self, *_: object) -> None:
        self.shut = False
        if self.on_open is not None:
            self.on_open()

    def around(self, train: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Returns `train` with the gate shut meanwhile: minibatches are no activations of a step."""

        def shut_away(trajectory: Any) -> Any:
            with self:
                return train(trajectory)

        return shut_away
