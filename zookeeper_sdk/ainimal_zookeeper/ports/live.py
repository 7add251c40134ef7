"""LiveDialer: how the API reaches a runner's live server."""

from __future__ import annotations

import socket
from typing import Protocol


class LiveDialer(Protocol):
    async def dial(self, address: str) -> socket.socket:
        """Returns a connected, non-blocking stream socket to `address` ("host:port" as the runner reported it).

        Raises: Transient when nothing answers there.
        """
        ...
