"""Loopback as the way to runners."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from ainimal_zookeeper.adapters.embedded.live import LoopbackDialer
from ainimal_zookeeper.domain.errors import Transient

from tests.conformance.dialer_suite import DialerTests


class LoopbackPlace:
    def __init__(self) -> None:
        self.reserved = socket.create_server(("127.0.0.1", 0))
        self.reserved_address = f"127.0.0.1:{self.reserved.getsockname()[1]}"

    def dialer(self) -> LoopbackDialer:
        return LoopbackDialer()

    def listen(self) -> tuple[socket.socket, str]:
        server = socket.create_server(("127.0.0.1", 0))
        return server, f"127.0.0.1:{server.getsockname()[1]}"

    def deaf(self) -> str:
        self.reserved.close()
        return self.reserved_address

    def foreign(self) -> list[str]:
        return ["10.0.0.1:80", "example.com:80", "0.0.0.0:80", "169.254.169.254:80", "127.0.0.1", "127.0.0.1:0",
                "127.0.0.1:x", "127.0.0.1:99999", "", ":80", "[::]:80", "127.0.0.1.nip.io:80"]  # fmt: skip


@pytest.fixture
def place() -> Iterator[LoopbackPlace]:
    place = LoopbackPlace()
    yield place
    place.reserved.close()


class TestLoopbackDialer(DialerTests):
    """Bound."""


async def test_dials_by_name_and_by_ipv6(place: LoopbackPlace) -> None:
    """`localhost` and `[::1]` are loopback, too."""
    server, address = place.listen()
    with server:
        (await LoopbackDialer().dial(address.replace("127.0.0.1", "localhost"))).close()
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this computer has no IPv6 loopback")
    with server:
        (await LoopbackDialer().dial(f"[::1]:{server.getsockname()[1]}")).close()


async def test_gives_up_on_a_full_backlog() -> None:
    """A runner that does not accept connections is given up after the timeout."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    address = f"127.0.0.1:{server.getsockname()[1]}"
    dialled = await asyncio.gather(
        *(LoopbackDialer(timeout_s=0.2).dial(address) for _ in range(4)), return_exceptions=True
    )
    assert any(isinstance(result, Transient) and "no answer in 0.2 s" in str(result) for result in dialled)
    for result in dialled:
        if isinstance(result, socket.socket):
            result.close()
    server.close()
