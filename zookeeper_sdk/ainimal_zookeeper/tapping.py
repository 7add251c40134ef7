"""Tap: how a class shows what is within its forward, and lets people change it there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, TypeVar

T = TypeVar("T")
Use = Optional[Callable[[Any], Any]]  # what becomes of a value; None: nothing


class Uses(dict[str, Use]):
    """What becomes of the values that are tapped, by name. `meet` is asked about each name that comes up first."""

    meet: Callable[[str], Use] | None = None

    def __missing__(self, name: str) -> Use:
        return None if self.meet is None else self.meet(name)


USES = Uses()
"""Of this process. Whoever watches its model fills it."""


def tap(name: str, value: T) -> T:
    """Returns `value`, or what an override makes of it, and shows it as the signal `activations.<name>`.

    name: as in a path, dots included. value: an array, a tensor, a number or text. Where nobody watches, nothing is
    kept, and it costs about a tenth of a microsecond.
    """
    use = USES[name]
    return value if use is None else use(value)
