"""Outlet: the connection of one subscription, as its stream knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nothing() -> None:
    """For a connection that its server keeps to itself."""


@dataclass(slots=True)
class Outlet:
    """The stream says what may be carried, the transport counts.

    event_bytes, most_bytes: what one event and all together may take; None while the stream has not said.
    stall_s: a client that takes nothing for so long is gone, whatever its connection says.
    refused_bytes: what an event would have taken that had no room and was not sent; 0 once the stream knows of it.
    cut: closes the connection at once; what it holds is lost.
    """

    sent_bytes: int = 0
    event_bytes: int | None = None
    most_bytes: int | None = None
    stall_s: float = 60.0
    refused_bytes: int = 0
    cut: Callable[[], None] = _nothing

    def admits(self, size: int) -> bool:
        """Counts an event of `size` bytes, or refuses it."""
        too_large = self.event_bytes is not None and size > self.event_bytes
        if too_large or (self.most_bytes is not None and self.sent_bytes + size > self.most_bytes):
            self.refused_bytes = size
            return False
        self.sent_bytes += size
        return True
