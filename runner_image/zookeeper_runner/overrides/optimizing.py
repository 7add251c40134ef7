"""Optimizing: rules on weights hold within a call of `train`, too, where torch's optimizers make its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..state.torches import library


class Optimizers:
    """Calls `hold` after each step of an optimizer, while it is asked to. Without torch nothing happens."""

    def __init__(self, hold: Callable[[], None]) -> None:
        self._hold = hold
        self._hook: Any = None

    def watch(self, wanted: bool) -> None:
        """Begins or ends it. Idempotent."""
        if not wanted:
            if self._hook is not None:
                self._hook.remove()
                self._hook = None
            return
        torch = library()
        if self._hook is None and torch is not None:
            from torch.optim.optimizer import register_optimizer_step_post_hook

            self._hook = register_optimizer_step_post_hook(lambda *_: self._hold())
