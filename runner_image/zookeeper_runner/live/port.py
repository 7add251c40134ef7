"""The live server's port: taken before anything is loaded, so that its address is known from the first report on."""

from __future__ import annotations

import socket

from ainimal_zookeeper.domain.errors import InvalidInput


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens on `host`; connections wait in it until somebody answers.

    port 0: any free one. Raises: InvalidInput when the address cannot be had.
    """
    try:
        return socket.create_server((host, port), backlog=64)
    except OSError as error:
        raise InvalidInput(
            f"the live server cannot listen on {host}:{port} ({error.strerror}); set ZOO_LIVE_HOST and ZOO_LIVE_PORT"
        ) from None


def address_of(listening: socket.socket) -> str:
    """Returns "host:port"."""
    host, port = listening.getsockname()[:2]
    return f"{host}:{port}"
