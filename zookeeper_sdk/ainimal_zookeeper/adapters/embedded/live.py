"""Dialling runners on this computer."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from ainimal_zookeeper.domain.errors import InvalidInput, Transient


class LoopbackDialer:
    """A `LiveDialer` that reaches loopback only: a runner must not be able to point the zoo at other computers."""

    def __init__(self, timeout_s: float = 2.0) -> None:
        self._timeout_s = timeout_s

    async def dial(self, address: str) -> socket.socket:
        host, port = _loopback(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            # Control goes out in small messages; Nagle's algorithm would hold each back for a round trip.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(self._timeout_s):
                await asyncio.get_running_loop().sock_connect(connection, (host, port))
        except (OSError, TimeoutError) as error:
            connection.close()
            reason = error.strerror or f"no answer in {self._timeout_s:g} s"
            raise Transient(f"the runner at {address} cannot be reached: {reason}; it may have ended") from error
        except BaseException:
            connection.close()
            raise
        return connection


def _loopback(address: str) -> tuple[str, int]:
    """Returns host and port. Raises: InvalidInput for all but a loopback address with a port."""
    host, _, port_text = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        loopback = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        port = int(port_text)
    except ValueError:
        raise InvalidInput(f"live address {address!r} is not host:port with a numeric host", ("liveAddress",)) from None
    if not loopback.is_loopback or not 0 < port < 65536:
        raise InvalidInput(
            f"live address {address!r} is not on this computer; runners here serve 127.0.0.1", ("liveAddress",)
        )
    return str(loopback), port
