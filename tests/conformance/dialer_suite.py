"""What every live dialer does. A binding gives the fixture `place`, which has a server to dial."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput, Transient
from ainimal_zookeeper.ports.live import LiveDialer


class DialerPlace(Protocol):
    """Where the runners of one test serve."""

    def dialer(self) -> LiveDialer: ...

    def listen(self) -> tuple[socket.socket, str]:
        """Returns a listening socket, and the address that a runner there would report."""
        ...

    def deaf(self) -> str:
        """Returns an address where nothing listens."""
        ...

    def foreign(self) -> list[str]:
        """Returns addresses that no runner of this zoo can have."""
        ...


class DialerTests:
    """Bind it by a subclass, in a module with a fixture `place`."""

    async def test_connects(self, place: DialerPlace) -> None:
        """The socket is connected to the runner and does not block."""
        server, address = place.listen()
        with server, await place.dialer().dial(address) as connection:
            assert not connection.getblocking()
            accepted, _ = server.accept()
            with accepted:
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(connection, b"ping")
                assert accepted.recv(4) == b"ping"
                accepted.sendall(b"pong")
                assert await loop.sock_recv(connection, 4) == b"pong"

    async def test_nobody_there_is_transient(self, place: DialerPlace) -> None:
        """Where nothing answers, the error names the address and may pass."""
        address = place.deaf()
        with pytest.raises(Transient, match=address):
            await place.dialer().dial(address)

    async def test_foreign_addresses_are_refused(self, place: DialerPlace) -> None:
        """A runner cannot make the zoo connect to somewhere else."""
        for address in place.foreign():
            with pytest.raises(InvalidInput):
                await place.dialer().dial(address)
