"""How much the connection of a subscription has carried."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class StreamBudget:
    """The transport counts, the stream rotates in time."""

    sent_bytes: int = 0
